"""Builds what is published from pinned sources: wheels, npm packages, the source distribution and the C tarballs.

    python3 -m tools.dist [--targets NAME,...] [--only wheel,npm,c,sdist]

The modules, from the ground: lock and fetch (pinned files), targets and compiler (zig as cross compiler), libraries
(static OpenSSL, jansson, curl), native (our objects and what is linked of them), then one module a kind of package.
"""
