"""The rows of the table and what this library aims at, in the table's order."""

from typing import Final

from benchmarks.catalogue import Row

ROWS: Final = (
    Row("import.added_ms", "Import, added to Gradio's own", "ms", at_most=100),
    Row("import.gradio_ms", "… `import gradio`", "ms"),
    Row("import.modules", "… modules added", ""),
    Row("size.package_kb", "Package as installed, without bytecode", "kB", at_most=150),
    Row("size.browser_kb", "… files for the browser", "kB"),
    Row("page.p50", "Page asked for → first sound back, p50", "ms", at_most=2000),
    Row("page.max", "… worst", "ms", at_most=2000),
    Row("page.usable", "… of it until the button can be pressed, p50", "ms"),
    Row("bare.usable", "… … on a page with nothing but a button of Gradio's, p50", "ms"),
    Row("page.pressed.p50", "… of it from the press to the sound, p50", "ms"),
    Row("page.pressed.max", "… … worst", "ms"),
    Row("page.again", "… second visit, with the browser's cache, p50", "ms"),
    Row("page.heard", "… visits with sound", "%", at_least=100),
    Row("wire.outside", "Requests to other machines while the page loads", "", at_most=0),
    Row("wire.requests", "… requests to the server", ""),
    Row("wire.kb", "… over the wire", "kB"),
    Row("wire.own_kb", "… … of it the component", "kB"),
    Row("cpu.silent", "CPU of the server, one page connected and silent", "% of a core"),
    Row("cpu.page", "… before the button is pressed: Gradio alone", "% of a core"),
    Row("memory.page", "… memory of the server", "MiB"),
    Row("install.page.mb", "Install size, `fastrtc` with its page", "MB"),
    Row("install.page.packages", "… packages", ""),
    Row("install.page.import_ms", "… `import fastrtc` alone", "ms"),
)
