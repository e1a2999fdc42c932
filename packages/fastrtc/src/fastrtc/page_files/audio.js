/** The microphone and the loudspeaker, through Web Audio. Sound is 16-bit mono at one rate. */

import { RATES } from "./client.js";

const PREFERRED_RATE = RATES[0];

const CONSTRAINTS = {
  audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};

/** What the errors of getUserMedia mean (W3C Media Capture and Streams, 10.2). */
const MICROPHONE_ERRORS = {
  NotAllowedError:
    "The microphone was refused. Allow it in the browser's settings for this page, " +
    "then start again.",
  NotFoundError: "No microphone was found. Connect one, then start again.",
  NotReadableError:
    "The microphone cannot be read: another program may be using it. Close that, then start again.",
  SecurityError: "This browser does not allow pages to use the microphone.",
};

const INSECURE =
  "Browsers give the microphone only to pages from https:// or from this very machine " +
  "(http://localhost). Open this page by such an address.";

/** Its message is for the person. */
export class AudioError extends Error {}

/**
 * Microphone and loudspeaker, open until `close`.
 *
 * Handlers, all required:
 *   captured({samples, time})                   20 ms of the microphone, from `time` on
 *   played({samples, time, position, pending})  20 ms as they were heard; position and pending in
 *                                               seconds; comes while there is something to play
 *   lost(text)                                  the microphone is gone
 *
 * Times are seconds on the clock `now`.
 */
export class AudioLine {
  /** Ask for the microphone and open both; throws AudioError. */
  static async open(handlers) {
    const line = new AudioLine(await askForMicrophone());
    try {
      await line.#begin(handlers);
      return line;
    } catch (error) {
      line.close();
      if (error instanceof AudioError) throw error;
      throw new AudioError(`This browser's sound cannot be used: ${error.message}`);
    }
  }

  #microphone;
  #context = null;
  #playback = null;

  constructor(microphone) {
    this.#microphone = microphone;
  }

  async #begin({ captured, played, lost }) {
    const { context, source } = connectMicrophone(this.#microphone);
    this.#context = context;
    await loadWorklets(context);
    const capture = new AudioWorkletNode(context, "capture", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit", // a stereo microphone is mixed down
    });
    capture.port.onmessage = ({ data }) => captured(data);
    this.#playback = new AudioWorkletNode(context, "playback", {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    this.#playback.port.onmessage = ({ data }) => played(data);
    this.#playback.connect(context.destination);
    this.#microphone.getAudioTracks()[0].onended = () => lost("The microphone was disconnected.");
    await context.resume();
    source.connect(capture);
  }

  /** Sample rate of both directions, in Hz. */
  get rate() {
    return this.#context.sampleRate;
  }

  get now() {
    return this.#context.currentTime;
  }

  /** Play 16-bit samples after what came before. */
  play(samples) {
    this.#playback.port.postMessage(samples, [samples.buffer]);
  }

  /** Drop what was not played yet. */
  clear() {
    this.#playback.port.postMessage("clear");
  }

  /** A muted microphone goes on capturing, silence. */
  mute(muted) {
    for (const track of this.#microphone.getAudioTracks()) track.enabled = !muted;
  }

  close() {
    release(this.#microphone);
    this.#context?.close();
  }
}

async function askForMicrophone() {
  if (!navigator.mediaDevices) throw new AudioError(INSECURE);
  try {
    return await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
  } catch (error) {
    throw new AudioError(
      MICROPHONE_ERRORS[error.name] ?? `The microphone cannot be used: ${error.message}`,
    );
  }
}

/** Connect at the preferred rate, or at the microphone's own where a browser does not resample. */
function connectMicrophone(microphone) {
  for (const options of [{ sampleRate: PREFERRED_RATE }, {}]) {
    const context = new AudioContext(options);
    try {
      const source = context.createMediaStreamSource(microphone);
      if (RATES.includes(context.sampleRate)) return { context, source };
    } catch (error) {
      if (error.name !== "NotSupportedError") throw error;
    }
    context.close();
  }
  throw new AudioError(`This browser's sound runs at none of the rates ${RATES.join(", ")} Hz.`);
}

async function loadWorklets(context) {
  try {
    for (const name of ["capture-worklet.js", "playback-worklet.js"]) {
      await context.audioWorklet.addModule(new URL(name, import.meta.url));
    }
  } catch {
    throw new AudioError("The server cannot be reached: a part of this page did not load.");
  }
}

function release(microphone) {
  for (const track of microphone.getTracks()) track.stop();
}
