# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Line charts as SVG: the same data gives the same bytes; readable on light and dark ground, and without colours by the marks."""

import math
from html import escape

WIDTH, HEIGHT = 760, 430
LEFT, RIGHT, TOP, BOTTOM = 84, 34, 76, 56

# Colours that differ for nearly every eye, one for light and one for dark ground, and a mark each.
LOOKS = [('#0062a8', '#58b6f5', 'circle'), ('#b34700', '#ff9d57', 'square'), ('#007a5c', '#3ed6a9', 'diamond'),
         ('#94367f', '#ec94d6', 'triangle'), ('#6b5e00', '#e0cf4a', 'cross'), ('#555555', '#b9b9b9', 'circle')]

STYLE_LIGHT = '.ground{fill:#ffffff}.grid{stroke:#dddddd}.axis{stroke:#555555}text{fill:#222222}.quiet{fill:#555555}'
STYLE_DARK = '.ground{fill:#14171c}.grid{stroke:#30363d}.axis{stroke:#9aa4ae}text{fill:#e6e6e6}.quiet{fill:#aab2ba}'


def number(value):
    """Short, as people say it: 1500 is 1.5k."""
    for factor, letter in ((1e9, 'G'), (1e6, 'M'), (1e3, 'k')):
        if abs(value) >= factor:
            return f'{value / factor:g}{letter}'
    return f'{value:g}'


class Axis:
    """One direction: where a value lies on it, and which values are named."""

    def __init__(self, values, begin, end, is_log, ticks=None, is_percentile=False):
        self.begin, self.end = begin, end
        self.scale = (lambda value: math.log10(value)) if is_log else (lambda value: value)
        if is_percentile:
            self.scale = percentile_scale
        self.ticks = ticks or (log_ticks(values) if is_log else linear_ticks(values))
        positions = [self.scale(value) for value in self.ticks] + [self.scale(value) for value in values]
        self.low, self.high = min(positions), max(positions)
        if self.high - self.low < 1e-9:
            self.high = self.low + 1

    def place(self, value):
        share = (self.scale(value) - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)


def percentile_scale(percent):
    """Each nine as wide as the one before."""
    return -math.log10(max(1 - percent / 100, 1e-4))


def log_ticks(values):
    low, high = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
    return [10.0 ** power for power in range(low, max(high, low + 1) + 1)]


def linear_ticks(values):
    highest = max(max(values), 1e-9)
    step = 10 ** math.floor(math.log10(highest))
    for factor in (0.2, 0.25, 0.5, 1, 2):
        if highest / (step * factor) <= 6:
            step *= factor
            break
    return [step * i for i in range(math.ceil(highest / step - 1e-9) + 1)]


def mark(shape, x, y):
    if shape == 'circle':
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    if shape == 'square':
        return f'<rect x="{x - 3.6:.1f}" y="{y - 3.6:.1f}" width="7.2" height="7.2"/>'
    paths = {'diamond': 'm0 -5.2 5.2 5.2 -5.2 5.2 -5.2 -5.2z', 'triangle': 'm0 -5 5 8.4 -10 0z',
             'cross': 'm-4.2 -4.2 8.4 8.4m0 -8.4 -8.4 8.4'}
    width = ' stroke-width="2.4"' if shape == 'cross' else ''
    return f'<path d="M{x:.1f} {y:.1f}{paths[shape]}"{width}/>'


class Chart:
    def __init__(self, title, x_label, y_label, x_log=True, y_log=True, x_ticks=None, x_percentile=False):
        self.title, self.x_label, self.y_label = title, x_label, y_label
        self.x_log, self.y_log, self.x_ticks, self.x_percentile = x_log, y_log, x_ticks, x_percentile
        self.lines = []

    def add(self, name, points):
        """A line through (x, y) points; one without points is left out."""
        points = sorted((x, y) for x, y in points if y is not None and (y > 0 or not self.y_log))
        if points:
            self.lines.append((name, points))

    def svg(self):
        xs = [x for _, points in self.lines for x, _ in points]
        ys = [y for _, points in self.lines for _, y in points]
        x_axis = Axis(xs, LEFT, WIDTH - RIGHT, self.x_log, self.x_ticks, self.x_percentile)
        y_axis = Axis(ys, HEIGHT - BOTTOM, TOP, self.y_log)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
            f'<title>{escape(self.title)}</title>',
            f'<style>text{{font:13px system-ui,sans-serif}}.title{{font-size:16px;font-weight:600}}{STYLE_LIGHT}{self.colours(0)}'
            f'@media (prefers-color-scheme: dark){{{STYLE_DARK}{self.colours(1)}}}</style>',
            f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>',
            f'<text class="title" x="{LEFT}" y="28">{escape(self.title)}</text>',
            *self.legend(), *self.grid(x_axis, y_axis), *self.curves(x_axis, y_axis), '</svg>',
        ]
        return '\n'.join(parts) + '\n'

    def colours(self, ground):
        return ''.join(f'.line{i}{{stroke:{LOOKS[i][ground]};fill:{LOOKS[i][ground]}}}' for i in range(len(self.lines)))

    def legend(self):
        x = LEFT + 6
        for i, (name, _) in enumerate(self.lines):
            yield f'<g class="line{i}">{mark(LOOKS[i][2], x, 50)}</g><text x="{x + 11}" y="54.5">{escape(name)}</text>'
            x += 34 + round(len(name) * 7)

    def grid(self, x_axis, y_axis):
        bottom, top, right = HEIGHT - BOTTOM, TOP, WIDTH - RIGHT
        for value in y_axis.ticks:
            y = y_axis.place(value)
            yield f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>'
            yield f'<text class="quiet" x="{LEFT - 8}" y="{y + 4.5:.1f}" text-anchor="end">{number(value)}</text>'
        for value in x_axis.ticks:
            x = x_axis.place(value)
            yield f'<path class="grid" d="M{x:.1f} {top}V{bottom}"/>'
            name = f'{value:g} %' if self.x_percentile else number(value)
            yield f'<text class="quiet" x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{name}</text>'
        yield f'<path class="axis" d="M{LEFT} {top}V{bottom}H{right}" fill="none"/>'
        yield f'<text x="{(LEFT + right) / 2:.1f}" y="{HEIGHT - 12}" text-anchor="middle">{escape(self.x_label)}</text>'
        middle = (top + bottom) / 2
        yield (f'<text x="20" y="{middle:.1f}" text-anchor="middle" transform="rotate(-90 20 {middle:.1f})">'
               f'{escape(self.y_label)}</text>')

    def curves(self, x_axis, y_axis):
        for i, (_, points) in enumerate(self.lines):
            places = [(x_axis.place(x), y_axis.place(y)) for x, y in points]
            path = 'L'.join(f'{x:.1f} {y:.1f}' for x, y in places)
            yield f'<g class="line{i}"><path d="M{path}" style="fill:none" stroke-width="2"/>'
            yield from (mark(LOOKS[i][2], x, y) for x, y in places)
            yield '</g>'
