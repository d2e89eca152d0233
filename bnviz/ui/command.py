"""Commands as pages name them: one spelling, which is right in a checkout's environment and in the image."""


def command(words: str) -> str:
    """Return what is typed for a command of bnviz, as Markdown."""
    return f"`python -m bnviz {words}`"


def where(words: str) -> str:
    """Return where such a command is typed, for its tooltip; nothing but /tmp can be written in the image."""
    return (
        "In a checkout, in the environment that its README sets up. With the image: "
        f"`docker run --rm bnviz python -m bnviz {words}`"
    )
