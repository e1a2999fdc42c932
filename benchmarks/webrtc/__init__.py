"""WebRTC: this library beside FastRTC 0.0.34 and a bare echo of aiortc, in one run."""
