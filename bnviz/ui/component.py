"""What the pages' own components are mounted with."""

from __future__ import annotations


def stub(module: str) -> str:
    """Return a component's script: a few lines that load a module from the app's assets.

    An inline script is sent again with every rerun, so what a component is made of are files with long cache headers.
    """
    return f"""
export default async function (component) {{
  const base = new URL(".", document.baseURI);
  const module = await import(new URL(component.data.assets + "{module}", base).href);
  return module.mount(component);
}}
"""
