"""`WebRTC`: a stream as a Gradio component.

Gradio builds it of text: the files in ``component_files``, see `fastrtc_gradio.modules`. Media go
over WebRTC; requests to connect, inputs and outputs go the way of Gradio's own events, so that
nothing has to be mounted, and a page behind a proxy, below a path or behind a login works as it is.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component, Timer
from gradio.components.base import server
from gradio.events import Dependency
from starlette.requests import Request

from fastrtc_core import ConnectionRequest, Session, Stream
from fastrtc_core.factory import HandlerType, Modality
from fastrtc_core.messages import JSON
from fastrtc_core.session import Mode
from fastrtc_core.stream import RTCConfiguration
from fastrtc_gradio.callbacks import check_textbox, expect_text, id_of
from fastrtc_gradio.data import WebRTCData
from fastrtc_gradio.looks import Looks, Variant
from fastrtc_gradio.metaclass import WithoutStub
from fastrtc_gradio.modules import component_file, modules
from fastrtc_gradio.wiring import (
    START,
    Blocks,
    SendInputOn,
    answer_typed,
    as_list,
    end_with_the_page,
    give_inputs,
    show_outputs,
    start_by,
)

if TYPE_CHECKING:
    from fastrtc_gradio.link import Link


class WebRTC(gr.HTML, metaclass=WithoutStub):
    """Audio, video or both, to and from a Python function, in a Gradio page.

    Its value is the id of the session, None before there was one; `WebRTCData` in the variant
    ``textbox``. Events: ``start_recording`` and ``stop_recording`` tell when a conversation begins
    and ends, ``submit`` that something was typed.

    Args:
        value: None.
        height: Height of the picture, in pixels or CSS units.
        width: Width of the component, likewise.
        label: Its name, shown above it and told to screen readers.
        every: Without effect, as the value comes from the page.
        inputs: Likewise.
        show_label: Whether the label is shown; by default if there is one.
        container: Draw a block around it.
        scale: Its share of a row.
        min_width: In pixels; a row breaks rather than to make it narrower.
        interactive: False takes its button away: it can only be started by a trigger.
        visible: Whether it is there.
        elem_id: Its id in the page.
        elem_classes: Its classes in the page.
        render: Add it to the page at once.
        key: Keeps it over renderings of `gr.render`.
        mirror_webcam: Show people themselves as in a mirror.
        rtc_configuration: Of the browser's RTCPeerConnection, or a function that returns it.
        server_rtc_configuration: The server's.
        track_constraints: On microphone and camera.
        time_limit: Seconds a session may last.
        allow_extra_tracks: Accept more tracks than the modality needs.
        mode: Direction, as the page sees it.
        modality: What is streamed.
        rtp_params: Parameters of the browser's senders.
        icon: An image in place of the wave: a URL, or a file (svg, png, jpeg, webp).
        icon_button_color: Colour of the button behind it.
        pulse_color: Colour of the rings around it.
        icon_radius: Of its corners, in percent of its size; 50 is a circle.
        button_labels: Words for ``start``, ``stop`` and ``waiting``.
        variant: ``wave``, or ``textbox`` to type or talk.
        full_screen: False keeps it to 500 pixels, and asks the camera for no more.

    Raises:
        ValueError: Something can't be shown; the text says what.

    """

    def __init__(  # noqa: PLR0913, PLR0917 - the documented constructor
        self,
        value: None = None,
        height: int | str | None = None,
        width: int | str | None = None,
        label: str | None = None,
        every: Timer | float | None = None,
        inputs: Component | Sequence[Component] | set[Component] | None = None,
        show_label: bool | None = None,
        container: bool = True,
        scale: int | None = None,
        min_width: int = 160,
        interactive: bool | None = None,
        visible: bool | Literal["hidden"] = True,
        elem_id: str | None = None,
        elem_classes: list[str] | str | None = None,
        render: bool = True,
        key: int | str | tuple[int | str, ...] | None = None,
        mirror_webcam: bool = True,
        rtc_configuration: RTCConfiguration = None,
        server_rtc_configuration: RTCConfiguration = None,
        track_constraints: dict[str, Any] | None = None,
        time_limit: float | None = None,
        allow_extra_tracks: bool = False,
        mode: Mode = "send-receive",
        modality: Modality = "video",
        rtp_params: dict[str, Any] | None = None,
        icon: str | None = None,
        icon_button_color: str | None = None,
        pulse_color: str | None = None,
        icon_radius: int | None = None,
        button_labels: Mapping[str, str] | None = None,
        variant: Variant = "wave",
        full_screen: bool | None = True,
        **kwargs: Any,
    ) -> None:
        looks = Looks(
            variant=variant,
            height=height,
            width=width,
            full_screen=full_screen is not False,
            mirror_webcam=mirror_webcam,
            icon=icon,
            icon_button_color=icon_button_color,
            pulse_color=pulse_color,
            icon_radius=icon_radius,
            button_labels=button_labels or {},
            interactive=interactive is not False,
        )
        self.variant: Variant = variant
        self.mode: Mode = mode
        self.modality: Modality = modality
        self.time_limit = time_limit
        self._settings: dict[str, Any] = {
            "rtc_configuration": rtc_configuration,
            "server_rtc_configuration": server_rtc_configuration,
            "track_constraints": track_constraints,
            "allow_extra_tracks": allow_extra_tracks,
            "rtp_params": rtp_params,
        }
        self._link: Link | None = None
        options = {
            **looks.for_page(),
            "mode": mode,
            "modality": modality,
            "label": label,
            "showLabel": show_label is not False,
            "inputs": 0,
            "listeners": 0,
        }
        super().__init__(
            value,
            label=label,
            show_label=False,  # Gradio's has the icon of source code
            html_template=component_file("view.html"),
            css_template=component_file("view.css"),
            js_on_load=component_file("view.js"),
            apply_default_css=False,
            every=every,
            inputs=inputs,
            container=container,
            scale=scale,
            min_width=min_width,
            visible=visible,
            elem_id=elem_id,
            elem_classes=elem_classes,
            render=render,
            key=key,
            options=options,
            **kwargs,
        )

    # The documented events

    def stream(  # type: ignore[override]  # noqa: PLR0913, PLR0917 - the documented interface
        self,
        fn: HandlerType | Stream,
        inputs: Blocks = None,
        outputs: Blocks = None,
        js: str | None = None,
        concurrency_limit: int | Literal["default"] | None = "default",
        concurrency_id: str | None = None,
        time_limit: float | None = None,
        trigger: Callable[..., Any] | None = None,
        send_input_on: SendInputOn = "change",
    ) -> Dependency:
        """Connect the component to a handler.

        Args:
            fn: A handler as `Stream` takes them; or a `Stream`, which brings its own settings.
            inputs: This component, then those whose values the handler gets as arguments; without
                this one in the mode ``receive``.
            outputs: This component.
            js: JavaScript that the values of inputs go through, as in other events of Gradio.
            concurrency_limit: Sessions at a time; None for any number, ``"default"`` for 100.
            concurrency_id: Gradio's, for the events that take inputs.
            time_limit: Seconds a session may last.
            trigger: Mode ``receive``: the event that starts it, such as ``button.click``.
            send_input_on: When the handler gets inputs that were changed: at once, or when they are
                submitted.

        Raises:
            ValueError: Inputs, trigger or mode do not fit together.
            HandlerError: The handler does not fit modality and mode.

        """
        values = self._inputs(inputs)
        self.props["options"]["inputs"] = len(values)
        if self.mode == "receive" and trigger is None:
            raise ValueError(
                "in the mode 'receive' stream() needs a trigger, such as trigger=button.click"
            )
        if send_input_on not in ("change", "submit"):
            raise ValueError(f"send_input_on must be change or submit, not {send_input_on!r}")
        from fastrtc_gradio.link import Link  # the WebRTC stack is loaded when it is needed

        if self.variant == "textbox":
            check_textbox(fn.event_handler if isinstance(fn, Stream) else fn)
        link = self._link = Link(self._stream_of(fn, concurrency_limit, time_limit))
        if self.variant == "textbox":
            answer_typed(self, link, values, concurrency_id=concurrency_id, js=js)
        if trigger is not None:
            start_by(trigger, self)
        end_with_the_page(link)
        return give_inputs(
            self, link, values, on=send_input_on, concurrency_id=concurrency_id, js=js
        )

    def on_additional_outputs(
        self,
        fn: Callable[..., Any],
        inputs: Blocks = None,
        outputs: Blocks = None,
        js: str | None = None,
        concurrency_limit: int | Literal["default"] | None = "default",
        concurrency_id: str | None = None,
        show_progress: Literal["full", "minimal", "hidden"] = "hidden",
        queue: bool = True,
    ) -> Dependency:
        """Have a function called with every `AdditionalOutputs` of a session's handler.

        They are shown one after the other, each with the values that inputs have by then.

        Args:
            fn: Called with the values of `inputs`, then those in the `AdditionalOutputs`.
            inputs: Components.
            outputs: What it returns the values of.
            js: As in other events of Gradio.
            concurrency_limit: Calls at a time, of all users; ``"default"`` for any number.
            concurrency_id: Gradio's.
            show_progress: Gradio's.
            queue: Gradio's: False calls the function at once.

        """
        self.props["options"]["listeners"] += 1
        return show_outputs(
            self,
            lambda: self._link,  # stream() may be called later
            fn,
            as_list(inputs),
            outputs,
            js=js,
            concurrency_limit=None if concurrency_limit == "default" else concurrency_limit,
            concurrency_id=concurrency_id,
            show_progress=show_progress,
            queue=queue,
        )

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The live sessions of its stream."""
        return () if self._link is None else tuple(self._link.stream.sessions)

    # Gradio's side

    def preprocess(self, payload: Any) -> Any:
        """Return the session's id, None before there is one; `WebRTCData` in the textbox."""
        given = payload if isinstance(payload, dict) else {}
        webrtc_id = given.get("webrtc_id")
        webrtc_id = webrtc_id if isinstance(webrtc_id, str) else None
        if self.variant == "textbox":
            return WebRTCData(webrtc_id or "", str(given.get("textbox", "")))
        return webrtc_id

    def postprocess(self, value: Any) -> Any:
        """Return what the page gets: to start, to keep its session, or nothing."""
        if value == START:
            return {"start": secrets.token_hex(4)}  # another one each time
        webrtc_id = id_of(value) if isinstance(value, WebRTCData | str) else None
        return {"webrtc_id": webrtc_id} if webrtc_id else None

    def api_info(self) -> dict[str, Any]:
        """Return the JSON schema of the value."""
        return {"type": "object"}

    def example_payload(self) -> None:
        """Return a value as the page gives it: there is none."""

    def example_value(self) -> None:
        """Return a value as functions give it: there is none."""

    @server  # type: ignore[untyped-decorator]
    async def modules(self, _: Any = None) -> list[list[str]]:
        """Return name and text of the page's modules."""
        return [list(module) for module in modules()]

    @server  # type: ignore[untyped-decorator]
    async def signal(self, body: Any, request: gr.Request) -> dict[str, JSON]:
        """Take a request of the browser client, see `Link.ask`."""
        if self._link is None:
            message = "This component has no handler yet: its program calls no stream() of it."
            return _refusal("no_handler", message)
        if not isinstance(body, dict):
            return _refusal("bad_request", f"a request is an object, not {body!r:.40}")
        user, who = await _who(request, self._link)
        status, answer = await self._link.ask(str(body.get("path")), body.get("body"), user, who)
        if self.variant == "textbox" and "sdp" in answer:
            session = self._link.session(str(answer["webrtc_id"]), user)
            if session is not None:
                expect_text(session)
        return {"status": status, "answer": dict(answer)}

    def _inputs(self, inputs: Blocks) -> list[Block]:
        values = as_list(inputs)
        if self.mode == "receive":
            if self in values:
                raise ValueError("in the mode 'receive' the component is no input of stream()")
            return values
        if not values or values[0] is not self:
            raise ValueError("the first input of stream() must be the WebRTC component itself")
        return values[1:]

    def _stream_of(
        self,
        fn: HandlerType | Stream,
        concurrency_limit: int | Literal["default"] | None,
        time_limit: float | None,
    ) -> Stream:
        if isinstance(fn, Stream):
            return fn
        return Stream(
            fn,
            mode=self.mode,
            modality=self.modality,
            concurrency_limit=concurrency_limit,
            time_limit=self.time_limit if time_limit is None else time_limit,
            **self._settings,
        )


def _refusal(code: str, message: str) -> dict[str, JSON]:
    """Return a refusal in the form of `fastrtc_webrtc.protocol.failure`."""
    meta: dict[str, JSON] = {"error": code, "message": message}
    return {"status": 400, "answer": {"status": "failed", "meta": meta}}


async def _who(request: Any, link: "Link") -> tuple[str, ConnectionRequest]:
    """Return who is at the page, and where the request came from.

    Gradio gives its server functions the web framework's request, whose body it has read.
    """
    inner: Request = request if isinstance(request, Request) else request.request
    body = await inner.json()
    return str(body.get("session_hash") or ""), link.transport.who(inner)
