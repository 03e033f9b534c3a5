// Makes a component of a plugin in JavaScript or TypeScript. `switchboard build` runs it with node; its
// one argument says in JSON what to build of what.

import { writeFileSync } from "node:fs";
import { createRequire, SourceMap } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { dir, entry, handlers, wit, world, tools, out } = JSON.parse(process.argv[2]);
const tool = async (name) => {
  const module = await import(pathToFileURL(createRequire(join(tools, "package.json")).resolve(name)));
  return module.default ?? module;
};

// The program, with the interfaces that the contract wants of it.
const exported = handlers.map((kind) => {
  const name = `on${kind[0].toUpperCase()}${kind.slice(1)}`;
  return `export const ${name} = handler("${kind}", bot);`;
});
const program = [
  `import * as bot from ${JSON.stringify(`./${entry}`)};`,
  `import { handler } from "switchboard-sdk/runtime";`,
  ...exported,
].join("\n");

async function bundle() {
  const { build } = await tool("esbuild");
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: dir, sourcefile: "(switchboard)" },
    absWorkingDir: dir,
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2023",
    mainFields: ["module", "main"],
    external: ["switchboard:*", "wasi:*"],
    legalComments: "none",
    keepNames: false,
    sourcemap: "external",
    outfile: "plugin.js",
    write: false,
    logLevel: "warning",
    // That a handler is missing is said in our own words.
    logOverride: { "import-is-undefined": "silent" },
  });
  const text = (end) => outputFiles.find(({ path }) => path.endsWith(end)).text;
  return `${text(".js")}\n${lines(text(".js"), JSON.parse(text(".map")))}`;
}

// For each line of the bundle the source and line that it comes of, so that stacks name those.
function lines(bundled, map) {
  const sources = new SourceMap(map);
  const table = {};
  bundled.split("\n").forEach((line, index) => {
    const found = sources.findEntry(index, Math.max(line.search(/\S/), 0));
    const source = found.originalSource;
    if (!source || found.generatedLine !== index || source.includes("switchboard-sdk")) return;
    table[index + 1] = [source.replace(/^(\.\.?\/)+/, ""), found.originalLine + 1];
  });
  return `globalThis[Symbol.for("switchboard.lines")] = ${JSON.stringify(table)};\n`;
}

try {
  const jsSource = await bundle();
  const { componentize } = await tool("componentize-qjs");
  const { component } = await componentize({ witPath: wit, world, jsSource, sync: true });
  writeFileSync(out, component);
} catch (problem) {
  // esbuild has said its own by now.
  if (!problem.errors) console.error(`${problem.message ?? problem}`.trim());
  process.exitCode = 1;
}
