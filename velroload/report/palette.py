"""The colours of charts: told apart by people who see red and green alike, on light and on dark.

After Okabe and Ito (Color Universal Design), darker on white and lighter on black, so that a line
has a contrast of 3:1 at least. A role has the same colour in every chart and in both renderers.
"""

LIGHT: dict[str, str] = {
    "blue": "#0b62a8",
    "sky": "#3a92c9",
    "green": "#00795a",
    "orange": "#a86300",
    "vermillion": "#c2410c",
    "purple": "#8a4b9c",
    "yellow": "#8f7600",
    "grey": "#6b7684",
    "ink": "#1a2330",
}
DARK: dict[str, str] = {
    "blue": "#6bb3f2",
    "sky": "#a5d8f7",
    "green": "#45c9a0",
    "orange": "#f0b04a",
    "vermillion": "#ff8a5c",
    "purple": "#d3a0e3",
    "yellow": "#e6d06a",
    "grey": "#97a3b2",
    "ink": "#e6eaf0",
}
HEAT_LIGHT = ("#e8f1f8", "#b5d3e9", "#75afd6", "#2f7fb8", "#0b4f86", "#052c4f")
HEAT_DARK = ("#17293a", "#1d4a6e", "#2b74a8", "#5aa5dc", "#a9d5f5", "#f3f8c8")
CYCLE = ("blue", "orange", "green", "purple", "sky", "vermillion", "yellow", "grey")
"""For series that have no colour of their own."""

PENS: dict[str, dict[str, str | float | bool]] = {
    "users": {"ink": "grey"},
    "planned": {"ink": "grey", "dash": "dash"},
    "due": {"ink": "grey", "width": 1.0},
    "sent": {"ink": "sky", "width": 1.4},
    "answered": {"ink": "blue"},
    "p50": {"ink": "sky"},
    "p95": {"ink": "blue", "width": 2.0},
    "p99": {"ink": "purple", "width": 1.3},
    "max": {"ink": "grey"},
    "limit": {"ink": "vermillion"},
    "response": {"ink": "blue", "width": 2.0},
    "service": {"ink": "orange", "width": 1.5},
    "response_p50": {"ink": "blue", "dash": "dot"},
    "service_p50": {"ink": "orange", "dash": "dot"},
    "response_p95": {"ink": "blue", "width": 2.0},
    "service_p95": {"ink": "orange", "width": 1.5},
    "status1": {"ink": "grey"},
    "status2": {"ink": "blue"},
    "status3": {"ink": "sky"},
    "status4": {"ink": "orange"},
    "status5": {"ink": "vermillion"},
    "timeout": {"ink": "purple"},
    "transport": {"ink": "ink"},
    "other": {"ink": "grey"},
    "layer3": {"ink": "blue"},
    "layer4": {"ink": "sky"},
    "layer5": {"ink": "green"},
    "layer2": {"ink": "yellow"},
    "layer1": {"ink": "vermillion"},
    "ok": {"ink": "green"},
    "fail": {"ink": "vermillion"},
    "state": {"ink": "blue", "cycle": True},
    "other_value": {"ink": "blue", "cycle": True},
    **{f"kind{place}": {"ink": colour} for place, colour in enumerate(CYCLE)},
}
"""Role → its colour, dash and width."""


def palettes() -> dict[str, dict[str, str | tuple[str, ...]]]:
    """What the page's script needs of both themes."""
    return {
        "light": {
            **LIGHT, "text": "#1a2330", "dim": "#566171", "grid": "#dde2e8", "bg": "#ffffff",
            "panel": "#f6f7f9", "band": "rgba(86,97,113,0.10)", "heat": HEAT_LIGHT,
        },
        "dark": {
            **DARK, "text": "#e6eaf0", "dim": "#a3afbe", "grid": "#303945", "bg": "#12161c",
            "panel": "#1a2028", "band": "rgba(163,175,190,0.12)", "heat": HEAT_DARK,
        },
    }  # fmt: skip
