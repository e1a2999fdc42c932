// The body of a function: Gradio gives it element, trigger, props, server, upload and watch. All else
// is in modules, which the server gives out and all components of a page share.
const load = async () => {
  const urls = {};
  for (const [name, text] of await server.modules()) {
    const linked = text.replace(/ from "\.\/([^"]+)";/g, (_, needed) => ` from "${urls[needed]}";`);
    const parts = [linked, `\n//# sourceURL=fastrtc/${name}\n`];
    urls[name] = URL.createObjectURL(new Blob(parts, { type: "text/javascript" }));
  }
  return import(urls["panel.js"]);
};

globalThis.fastrtcModules ??= load();
globalThis.fastrtcModules
  .then(({ Panel }) => new Panel(element, { trigger, props, server, watch }))
  .catch((error) => {
    globalThis.fastrtcModules = undefined;
    trigger("error", `The component could not be loaded: ${error.message ?? error}`);
  });
