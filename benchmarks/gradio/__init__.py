"""The Gradio component and the automatic page, measured beside FastRTC's."""
