#!/usr/bin/env -S node --initial-old-space-size=128
// The flag lets buffers gather before they are collected, see docs/adr/0040-hot-path.md.
import '../dist/main.js';
