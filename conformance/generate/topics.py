"""What drawn requests are about: prompts, functions, schemas and media, such as people send.

The prompts with a tool are those of the documented conversations, which make a model use it; the rest are our
own. Everything here is read and never changed: whoever puts a schema into a request copies it.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["FUNCTIONS", "MEDIA", "PROPERTIES", "SCHEMAS", "TEXTS", "TOPICS", "WORDS"]

TOPICS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Hello", ()),
    ("Explain how AI works in a few words", ()),
    ("What's the temperature in London and in Paris?", ("function",)),
    ("Who won the euro 2024?", ("google_search",)),
    ("Who won the euro 2024? Calculate how many years ago that was.", ("google_search", "code_execution")),
    (
        "What is the sum of the first 50 prime numbers? Generate and run code for the calculation.",
        ("code_execution",),
    ),
    ("Compare https://example.com/one with http://localhost/two.", ("url_context",)),
    ("Where is good coffee near Ägerisee?", ("google_maps",)),
    ("What does the handbook say about holidays?", ("file_search",)),
    ("What does the weather service say about the weather?", ("mcp_server",)),
    ("Find a hotel", ("computer_use",)),
    ("Which of our contracts end this year?", ("retrieval",)),
    ("Dim the lights of the kitchen", ("function", "tool_search")),
    ("Ann, 23, lives in Oslo and is good.", ()),
    ("Write a haiku about the tide 🌊", ()),
    ("東京の天気は?", ("google_search",)),
)
"""A prompt, and the tools that it is about: the first will do. The first prompt is the simplest."""

TEXTS = (
    "Hello",
    "It is noon.",
    "Zürich, 5 °C",
    "東京",
    "👩\u200d🚀 🇨🇭",
    'a "quoted"\\ line\n',
    "\u2028é\u0301",
)

FUNCTIONS = (
    "get_current_temperature",
    "get_weather_forecast",
    "set_light_values",
    "find_order",
    "schedule_meeting",
    "send.mail-2",
)

PROPERTIES: Mapping[str, Mapping[str, Any]] = {
    "location": {"type": "string", "description": "A city, such as London"},
    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
    "brightness": {"type": "integer", "minimum": 0, "maximum": 100},
    "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
    "größe": {"type": ["number", "null"]},
    "urgent": {"type": "boolean"},
    "place": {"type": "object", "properties": {"city": {"type": "string"}, "floor": {"type": "integer"}}},
    "when": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
}
"""Properties of functions and of structured answers, by keywords that the service enforces."""

SCHEMAS: tuple[Mapping[str, Any], ...] = (
    {"properties": {"name": {"type": "string"}}},
    {"properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name"]},
)
"""Raw schemas without a type: the older form of a response format."""

_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="
_WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
_MP4 = "AAAAGGZ0eXBtcDQyAAAAAG1wNDJpc29t"

MEDIA: Mapping[str, tuple[str, str]] = {
    "image": ("image/png", _PNG),
    "audio": ("audio/wav", _WAV),
    "document": ("text/csv", "Y2l0eSx0ZW1wCk9zbG8sMTIK"),
    "video": ("video/mp4", _MP4),
}
"""The smallest piece of each medium that says what it is: its type, and its bytes in base64."""

WORDS: Mapping[str, tuple[Any, ...]] = {
    "*/bit_rate": (32_000, 128_000),
    "*/channels": (1, 2),
    "*/credential": ("vault-key",),
    "*/diarization_mode": ("speaker",),
    "*/document_uri": ("https://example.com/handbook.pdf",),
    "*/domain": ("example.com", "*.example.org"),
    "*/encoding": ("base64",),
    "*/end_offset": ("10s", "20.250s"),
    "*/end_page": (3, 7),
    "*/finding_id": ("finding-1",),
    "*/fps": (1, 0.5, 24),
    "*/id": ("call_1",),
    "*/max_output_tokens": (1024, 64, 8192, 1),
    "*/metadata_filter": ('author = "Ann"', "year > 2020"),
    "*/sample_rate": (24_000, 16_000, 44_100),
    "*/seed": (7, 0, 2**31 - 1),
    "*/signature": ("c2lnbmVk", "AAECAwQFBgcICQ=="),
    "*/speaker": ("Ann", "spk:0"),
    "*/start_offset": ("0s", "1.500s"),
    "*/start_page": (1, 2, 3),
    "*/temperature": (1, 0, 0.7, 2.0),
    "*/text": TEXTS,
    "*/title": ("example.com", "Gezeiten für Anfänger"),
    "*/top_k": (3, 10),
    "*/top_p": (1, 0, 0.95),
    "*/uri": ("https://example.com/one", "gs://bucket/größe.bin"),
    "*/url": ("https://example.com/", "https://example.com/a?b=c%20d#e"),
    "*/visible_cells": ("A1:C7",),
    "*/voice": ("Kore", "Puck"),
    "interactions/agent_config_antigravity/model": ("gemini-3.5-flash", "gemini-3.1-pro-preview"),
    "interactions/speech_config/language": ("en-US", "de-CH"),
    "interactions/tool_mcp_server/name": ("weather_service", "files"),
    "interactions/tool_mcp_server/url": ("https://example.com/mcp",),
    "interactions/environment_source/target": ("/workspace/data", "notes.txt"),
    "interactions/environment_source/source": ("https://example.com/repository.git", "gs://bucket/data"),
    "interactions/environment_source/content": ("b25l", "ZHdv"),
}
"""What stands in members whose sense no schema tells, by the member."""
