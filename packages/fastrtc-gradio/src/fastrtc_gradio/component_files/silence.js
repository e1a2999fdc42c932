/** A microphone that hears nothing: for those who type, and need not be asked for theirs. */

/** @returns {{stream: MediaStream, close: () => void}} */
export function silence() {
  const context = new AudioContext();
  const { stream } = new MediaStreamAudioDestinationNode(context);
  return { stream, close: () => context.state !== "closed" && context.close() };
}
