"""What stands below the table."""

from typing import Final

NOTES: Final = """\
- Weights of Kokoro can't be had everywhere, so the model is a stand-in with its signature (a tone
  for each phoneme, `speech/weights.py`): the library around it is measured, not the network.
- FastRTC 0.0.34's engine runs on the same file; what it downloads is given to it.
- Processor time is counted in hundredths of a second: 0.1 % is one of them in ten seconds.
- A delay below zero is a word that was noticed before its end.
- Speech is espeak-ng's. The stop word is one of ten phrases of a grammar.
"""
