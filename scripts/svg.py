"""Plots as SVG by hand, readable on light and on dark pages, and texts between markers of a page. No dependencies."""

import dataclasses
import html
import math

WIDTH = 860
# On a dark page the same classes have other colours.
STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #333 } .title { font-size: 15px; font-weight: 600 } .small { font-size: 11px; fill: #666 }
.grid { stroke: #ddd } .axis { stroke: #999 } .goal { stroke: #c22; stroke-width: 2; fill: none }
.a { stroke: #2468b4 } .b { stroke: #d2691e } .fa { fill: #2468b4 } .fb { fill: #d2691e } .fc { fill: #9ab } .fg { fill: #c22 } path { fill: none }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .small { fill: #aaa } .grid { stroke: #444 } .axis { stroke: #888 } .goal { stroke: #f66 }
.a { stroke: #6ab0ff } .b { stroke: #ffa94d } .fa { fill: #6ab0ff } .fb { fill: #ffa94d } .fc { fill: #678 } .fg { fill: #f66 }
}</style>"""


@dataclasses.dataclass
class Line:
    points: list
    colour: str
    name: str = ""
    width: float = 1.2


@dataclasses.dataclass
class Panel:
    title: str
    lines: list


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{html.escape(words)}</text>'


def rule(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def steps(highest, most=4):
    """Round figures from zero to at least the highest."""
    rough = max(highest, 1e-9) / most
    power = 10 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
    return [at * step for at in range(math.ceil(highest / step) + 1)]


def document(height, title, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{html.escape(title)}">'
    return "\n".join([head, STYLE, text(10, 22, title, "title"), *parts, "</svg>", ""])


def time_panels(title, unit, ticks, panels, each=130):
    """One panel below the other, over the same time."""
    left, right, top = 60, WIDTH - 15, 40
    parts = []
    last = max(point[0] for panel in panels for line in panel.lines for point in line.points)
    x = lambda at: left + (right - left) * at / last
    for number, panel in enumerate(panels):
        above = top + number * (each + 45) + 18
        levels = steps(max(point[1] for line in panel.lines for point in line.points))
        y = lambda value: above + each * (1 - value / levels[-1])
        parts.append(text(left, above - 7, panel.title))
        for level in levels:
            parts += [rule(left, y(level), right, y(level), "grid"), text(left - 6, y(level) + 4, f"{level:g}", "small", "end")]
        for at, label in ticks:
            parts += [rule(x(at), above + each, x(at), above + each + 4, "axis"), text(x(at), above + each + 16, label, "small", "middle")]
        place = right
        for line in reversed(panel.lines):
            path = " ".join(f"{'L' if at else 'M'}{x(point[0]):.1f} {y(point[1]):.1f}" for at, point in enumerate(line.points))
            parts.insert(len(parts), f'<path d="{path}" class="{line.colour}" stroke-width="{line.width}"/>')
            if line.name:
                place -= 7 * len(line.name) + 10
                parts.append(f'<rect x="{place - 14:.1f}" y="{above - 15:.1f}" width="10" height="10" class="f{line.colour}"/>')
                parts.append(text(place, above - 6, line.name))
                place -= 20
    height = top + len(panels) * (each + 45) + 25
    parts.append(text((left + right) / 2, height - 8, unit, "small", "middle"))
    return document(height, title, parts)


def between(path, marker, words):
    """Puts words between `<!-- marker -->` and `<!-- /marker -->` of a page."""
    page = path.read_text()
    begin, end = f"<!-- {marker} -->\n", f"<!-- /{marker} -->"
    before, rest = page.split(begin, 1)
    path.write_text(before + begin + words + "\n" + end + rest.split(end, 1)[1])
