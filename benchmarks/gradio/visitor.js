/**
 * Somebody at the page, put into it before its own scripts: presses the button as soon as it can be
 * used, and notes when the first sound from elsewhere is heard. Times are milliseconds since the
 * navigation began.
 */
(() => {
  const LOUD = 0.05; // root mean square; that of the tone is 0.28
  const EVERY = 5; // milliseconds
  const WINDOW = 256; // samples, 5 ms at 48 kHz
  const visitor = (globalThis.visitor = { marks: {} });
  const own = new Set();
  const taps = new Map();
  let context = null;

  const mark = (name) => (visitor.marks[name] ??= performance.now());

  // The page's own microphone is no sound from elsewhere. Marks of a connection tell where time goes.
  const devices = navigator.mediaDevices;
  const open = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (...wanted) => {
    const stream = await open(...wanted);
    for (const { id } of stream.getTracks()) own.add(id);
    if (visitor.marks.pressed) mark("microphone");
    return stream;
  };
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...settings) {
      super(...settings);
      this.addEventListener("track", () => mark("answer"));
      this.addEventListener("connectionstatechange", () => mark(this.connectionState));
    }
  };

  function usable(names) {
    for (const button of document.querySelectorAll("button")) {
      const named = [button.innerText, button.ariaLabel].some((name) => names.includes(name?.trim()));
      const { width, height } = button.getBoundingClientRect();
      if (named && width && height && button.checkVisibility() && !button.disabled) return button;
    }
    return null;
  }

  /** Press the button that has one of these names, once there is one that can be pressed. */
  visitor.press = (names) => {
    const button = usable(names);
    if (!button) return setTimeout(visitor.press, EVERY, names);
    mark("pressed");
    return button.click();
  };

  /** Listen to what elements of the page play. */
  visitor.listen = () => {
    for (const player of document.querySelectorAll("audio, video")) {
      const [track] = player.srcObject?.getAudioTracks?.().filter(({ id }) => !own.has(id)) ?? [];
      if (track && isPlaying(player) && loudness(track) > LOUD) return mark("sound");
    }
    return setTimeout(visitor.listen, EVERY);
  };

  const isPlaying = ({ paused, muted, volume, currentTime }) =>
    !paused && !muted && volume > 0 && currentTime > 0;

  function loudness(track) {
    if (!taps.has(track)) {
      context ??= new AudioContext();
      const tap = new AnalyserNode(context, { fftSize: WINDOW });
      context.createMediaStreamSource(new MediaStream([track])).connect(tap);
      taps.set(track, tap);
    }
    const wave = new Float32Array(WINDOW);
    taps.get(track).getFloatTimeDomainData(wave);
    return Math.hypot(...wave) / Math.sqrt(wave.length);
  }
})();
