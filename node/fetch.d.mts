export * from './fetch.cjs';
