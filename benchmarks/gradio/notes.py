"""What stands below the table."""

from typing import Final

NOTES: Final = """\
- One run, one machine, the loopback interface: the server is pinned to one core, Chromium to the
  other. FastRTC 0.0.34 is on Gradio 5.50, the newest on which its page loads; this library on
  Gradio 6. What either version takes for a page of its own is the row of the page with nothing but
  a button.
- The page is `Stream(echo, modality="audio", mode="send-receive").ui`. Each visit is a browser
  context of its own with nothing in its cache, in a browser that runs already. The first visit of a
  server is among them. The microphone is allowed beforehand; FastRTC asks for it by another button
  otherwise.
- A script in the page presses "Start" ("Record") as soon as it can be pressed: a person's time
  comes on top. Nothing covers FastRTC's button on this page.
- Sound is what Web Audio hears of the stream that an element of the page plays: a tone in the
  microphone, which went to the server and came back. The browser's processing of speech is off.
- Requests to other machines fail at once here, which is FastRTC's best case. Servers have Gradio's
  telemetry off.
- Of what goes over the wire, a component's share is what it asks for itself, compressed as it is
  sent, and its part of the page. Ours is plain text as it was written, with the WebRTC client.
- Gradio 6 looks for events in its queue a thousand times a second, Gradio 5 twenty times: that is
  the processor time before the button is pressed.
- `import fastrtc` alone loads nothing of Gradio here: names are looked up when they are used.
"""
