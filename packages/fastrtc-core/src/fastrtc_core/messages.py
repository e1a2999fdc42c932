"""Control messages and their JSON, the same over every transport.

A message is ``{"type": ..., "data": ...}``. Clients of FastRTC know the types of `MessageType`;
a client must ignore types that it does not know.
"""

import json
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

MessageType = Literal[
    "send_input",  # please send the handler's inputs
    "fetch_output",  # AdditionalOutputs are waiting
    "stopword",  # a stop word was heard
    "error",  # data: text for the person
    "warning",  # data: text for the person
    "log",  # data: a word for the page, see LogEvent
    "end_stream",  # data: text; the server ends the session
    "speech",  # data: {"t": seconds, "p": probability}; only to clients that asked for it
]

LogEvent = Literal[
    "started_talking", "pause_detected", "response_starting", "interrupted", "response_finished"
]
"""What `ReplyOnPause` reports as `log`; the first three are FastRTC's, the others are new."""


@dataclass(frozen=True, slots=True)
class Message:
    """A control message to the client."""

    type: MessageType
    data: JSON = ""

    def to_json(self) -> str:
        """Return the text that goes over the wire."""
        return json.dumps({"type": self.type, "data": self.data})


SEND_INPUT: Final = Message("send_input", [])
FETCH_OUTPUT: Final = Message("fetch_output", [])


def create_message(type: MessageType, data: JSON) -> str:
    """Return the JSON text of a control message, for `send_message`."""
    return Message(type, data).to_json()
