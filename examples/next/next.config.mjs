/* The package has an addon, which no bundler can take in: Node loads it from node_modules. */
export default { serverExternalPackages: ['fastbearer'] };
