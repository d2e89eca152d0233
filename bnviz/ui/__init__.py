"""The only room with Streamlit besides `pages/`: controls, messages and the stage's mount."""
