// What commander looks at of Node's process while it parses arguments that it is given and prints through given
// functions.
// biome-ignore lint/style/noDefaultExport: the shape of node:process
export default { argv: [], env: {}, execArgv: [], versions: {}, platform: 'linux', stdout: {}, stderr: {} };
