export * from './hono.cjs';
