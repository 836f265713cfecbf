export * from './nest.cjs';
