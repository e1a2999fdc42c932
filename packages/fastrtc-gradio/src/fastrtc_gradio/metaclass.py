"""How the component's class is made."""

from abc import ABCMeta
from typing import Any

import gradio as gr
from gradio.component_meta import updateable
from gradio.events import EventListener


class WithoutStub(type(gr.HTML)):  # type: ignore[misc]  # its type is only known to run time
    """Gradio's metaclass, but for the ``.pyi`` file that it writes beside a component's source.

    It would write it into an installation, and type checkers would take it for the truth. What else
    it does is done here: constructors make updates inside event listeners, and the event
    ``state_change`` comes to those that every `gr.HTML` has.
    """

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        """Make the class."""
        state_change = EventListener("state_change")
        namespace["__init__"] = updateable(namespace["__init__"])  # type: ignore[no-untyped-call]
        namespace["state_change"] = state_change.listener
        namespace["EVENTS"] = [*gr.HTML.EVENTS, state_change]
        return ABCMeta.__new__(mcs, name, bases, namespace)
