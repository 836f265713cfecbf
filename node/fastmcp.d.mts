export * from './fastmcp.cjs';
