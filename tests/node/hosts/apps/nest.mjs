/* NestJS over Express and over Fastify, guarded by the global guard of fastbearer/nest; the MCP server is of SDK v1. */
import { mcpV1, whoami } from './common.mjs';

/* What the compiler makes of @decorators on a method and its parameters. */
function decorate(Class, name, decorators, parameters = []) {
  parameters.forEach((decorator, i) => decorator(Class.prototype, name, i));
  const descriptor = Object.getOwnPropertyDescriptor(Class.prototype, name);
  decorators.forEach((decorator) => decorator(Class.prototype, name, descriptor));
}

async function controllersOf(load) {
  const { All, Controller, Get, Body, Req, Res } = await load('@nestjs/common');
  const { Auth, Public, RequireScopes, getAccessToken } = await load('fastbearer/nest');
  const mcp = await mcpV1(load, getAccessToken);
  class Site {
    open(auth) {
      return { clientId: getAccessToken()?.clientId ?? null, auth: auth ?? null };
    }
    async who(auth, request, body) {
      return { ...(await whoami(getAccessToken, auth)), sameRequest: request.auth === auth, body: body ?? null };
    }
    admin(auth) {
      return { clientId: auth.clientId };
    }
    async mcp(request, response, body) {
      await mcp(request.raw ?? request, response.raw ?? response, body);
    }
  }
  decorate(Site, 'open', [Public(), Get('public')], [Auth()]);
  decorate(Site, 'who', [All('who')], [Auth(), Req(), Body()]);
  decorate(Site, 'admin', [RequireScopes('admin', 'tools:call'), Get('admin')], [Auth()]);
  decorate(Site, 'mcp', [All('mcp')], [Req(), Res(), Body()]);
  Controller()(Site);

  class Staff {
    home() {
      return {};
    }
    lobby() {
      return {};
    }
    vault() {
      return {};
    }
  }
  decorate(Staff, 'home', [Get('home')]);
  decorate(Staff, 'lobby', [Public(), Get('lobby')]);
  decorate(Staff, 'vault', [RequireScopes('vault'), Get('vault')]);
  RequireScopes('staff')(Staff);
  Controller('staff')(Staff);

  class Open {
    home() {
      return {};
    }
    vault() {
      return {};
    }
  }
  decorate(Open, 'home', [Get('home')]);
  decorate(Open, 'vault', [RequireScopes('vault'), Get('vault')]);
  Public()(Open);
  Controller('open')(Open);
  return [Site, Staff, Open];
}

const start = (adapterOf) => async (load, options, guard) => {
  await load('reflect-metadata');
  const { Module } = await load('@nestjs/common');
  const { APP_GUARD, NestFactory } = await load('@nestjs/core');
  const { BearerAuthGuard } = await load('fastbearer/nest');
  const useValue = new BearerAuthGuard({ ...options, ...guard });
  class Root {}
  Module({ controllers: await controllersOf(load), providers: [{ provide: APP_GUARD, useValue }] })(Root);
  const app = await NestFactory.create(Root, await adapterOf(load), { logger: ['error'] });
  app.use(useValue.metadata);
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
};

export const express = start(async (load) => new (await load('@nestjs/platform-express')).ExpressAdapter());
export const fastify = start(async (load) => new (await load('@nestjs/platform-fastify')).FastifyAdapter());
