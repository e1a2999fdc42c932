"""FastRTC's engine on the stand-in weights, which it is given in place of its download."""

import sys
from pathlib import Path

import huggingface_hub

from benchmarks.speech.programs.shared import first_audio, idle, tell


def main() -> None:
    command, folder, number = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])

    def download(repo_id: str, filename: str, **_: object) -> str:
        return str(folder / filename)

    setattr(huggingface_hub, "hf_hub_download", download)  # noqa: B010 - it is of another type
    from fastrtc import get_tts_model

    model = get_tts_model(model="kokoro")
    if command == "first":
        tell({"kokoro": first_audio(model.stream_tts_sync, round(number))})
    else:
        model.tts("ready")
        tell(idle(number))


if __name__ == "__main__":
    main()
