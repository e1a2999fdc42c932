"""What can go wrong between a page and its sessions."""

import gradio as gr


class NotYoursError(gr.Error):
    """Somebody names a session that began in another browser window; a toast where it is shown.

    Args:
        webrtc_id: The session's id.

    """

    def __init__(self, webrtc_id: str) -> None:
        super().__init__("This conversation belongs to another window; start one of your own.")
        self.webrtc_id = webrtc_id
