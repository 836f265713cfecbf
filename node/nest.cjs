/*
 * fastbearer/nest for require(): new BearerAuthGuard(options) is a guard, global or of a controller.
 */
'use strict';

const { createParamDecorator, HttpException } = require('@nestjs/common');

const { getAccessToken, requireAccessToken } = require('./lib/context.cjs');
const { nestOf } = require('./lib/nest-guard.cjs');

module.exports = { ...nestOf({ createParamDecorator, HttpException }), getAccessToken, requireAccessToken };
