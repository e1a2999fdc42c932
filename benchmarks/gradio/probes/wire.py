"""What a page asks for while it loads."""

import json
from typing import Any, Final

from benchmarks.findings import Findings
from benchmarks.gradio.browser import browsing, person, visiting
from benchmarks.gradio.settings import Settings
from benchmarks.gradio.traffic import Traffic
from benchmarks.subjects import Contestant, serving

LOADED: Final = 6.0
"""Seconds until a page has asked for everything."""

COMPONENT: Final = ("component_server", "custom_component")
"""In the URLs of what a component asks for itself: ours by a function, FastRTC's as files."""


async def wire(subject: Contestant, _: Settings) -> Findings:
    """One page, left alone until it is at rest."""
    traffic = Traffic()
    async with (
        serving(subject, "echo") as server,
        browsing() as browser,
        person(browser) as context,
        visiting(context, "about:blank") as page,
    ):
        network = await context.new_cdp_session(page)
        network.on("Network.requestWillBeSent", traffic.asked)
        network.on("Network.loadingFinished", traffic.answered)
        await network.send("Network.enable")
        await page.goto(server.http)
        await page.wait_for_timeout(1000 * LOADED)
        config = await (await context.request.get(f"{server.http}/config")).json()
    own = traffic.size(*COMPONENT) + in_page(config)
    return Findings(
        {
            "wire.outside": len(traffic.outside),
            "wire.requests": len(traffic.to_server),
            "wire.kb": traffic.size() / 1000,
            "wire.own_kb": own / 1000,
        },
        {
            "outside": [*traffic.outside],
            "sizes": {traffic.urls[key]: size for key, size in traffic.sizes.items()},
        },
    )


def in_page(config: dict[str, Any]) -> int:
    """Bytes of the component in the page itself: settings; of ours HTML, CSS and a function too."""
    components = [component["props"] for component in config["components"]]
    own = [
        props
        for props in components
        if "modality" in props or "modality" in (props.get("options") or {})
    ]
    return sum(len(json.dumps(props, ensure_ascii=False).encode()) for props in own)
