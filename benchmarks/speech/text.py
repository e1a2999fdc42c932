"""What is said."""

from typing import Final

SENTENCES: Final = (
    "Good morning, and thank you for calling the observatory of the northern hills.",
    "Tonight the sky will be clear from nine until a little after midnight, so bring a coat.",
    "The first thing you will see, low in the west, is the evening star, which is a planet.",
    "Half an hour later the four large moons of Jupiter come out from behind it, one by one.",
    "Children like this part best, because they can draw what they see and compare it later.",
    "If you have a telescope of your own, please bring it, and we will help you to set it up.",
    "There is tea and soup in the library; the stairs to the dome are steep, and they are dark.",
    "We ask you to switch off your telephones, since their light spoils the eyes of all others.",
    "At eleven we look at a cluster of stars that is older than the sun and much further away.",
    "It looks like a little cloud at first, and then, as you get used to it, like spilled sugar.",
    "The last bus to the valley leaves at half past twelve from the gate below the car park.",
)

TEXT: Final = " ".join(" ".join(SENTENCES).split()[:200])
"""Two hundred words."""

STOP_WORD: Final = "computer"

PHRASES: Final = (
    "computer",
    "computer what time is it",
    "what is the weather today",
    "please turn on the kitchen light",
    "set a timer for ten minutes",
    "tell me a joke",
    "yes",
    "no",
    "good morning",
    "i would like some tea",
)
"""What can be understood, the stop word among them."""

OTHERS: Final = (
    "what is the weather today",
    "please turn on the kitchen light",
    "tell me a joke",
    "i would like some tea",
)
"""What is said in between."""

VOICES: Final = ("en-us+f2", "en-us+f4")
"""Those that pocketsphinx understands best, at 150 words a minute."""
