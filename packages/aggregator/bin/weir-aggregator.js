#!/usr/bin/env -S node --initial-old-space-size=128 --max-semi-space-size=64
// The flags let buffers and the points of large windows gather before they are collected, see docs/adr/0040-hot-path.md.
import '../dist/main.js';
