/*
 * fastbearer/nest for import: the same as nest.cjs, with the copy of Nest that import finds.
 */
import { createParamDecorator, HttpException } from '@nestjs/common';

import context from './lib/context.cjs';
import { nestOf } from './lib/nest-guard.cjs';

export const { getAccessToken, requireAccessToken } = context;
export const { Auth, BearerAuthGuard, Public, RequireScopes } = nestOf({ createParamDecorator, HttpException });
