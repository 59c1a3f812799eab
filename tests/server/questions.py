"""Requests of every kind that the reference server answers; laws that hold for all are tested with each."""

from typing import Any

SEARCH = {"type": "google_search"}
CODE = {"type": "code_execution"}
PAGES = {"type": "url_context"}
FILES = {"type": "file_search", "file_search_store_names": ["fileSearchStores/handbooks"]}
MAPS = {"type": "google_maps", "enable_widget": True}
SCREEN = {"type": "computer_use", "environment": "browser"}
REMOTE = {"type": "mcp_server", "name": "weather_service", "url": "https://example.com/mcp"}
CLOCK = {
    "type": "function",
    "name": "get_current_temperature",
    "description": "Gets the current temperature for a given location.",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
}
PICTURE = {"type": "image", "mime_type": "image/png", "data": "iVBORw0KGgo="}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

REQUESTS: dict[str, dict[str, Any]] = {
    "text": {"input": "Explain how AI works in a few words"},
    "long text": {"input": "Explain how AI works in detail"},
    "search": {"input": "Who won the euro 2024?", "tools": [SEARCH], "model": "gemini-3-flash-preview"},
    "search afterwards": {"input": "Who won the euro 2024?", "tools": [SEARCH], "model": "gemini-2.5-flash"},
    "functions": {"input": "What's the temperature in London and Paris?", "tools": [CLOCK]},
    "functions of 2.5": {"input": "Temperature in Oslo?", "tools": [CLOCK], "model": "gemini-2.5-flash"},
    "search, then functions": {
        "input": "What's the temperature in the largest city, in London?",
        "tools": [SEARCH, CLOCK],
    },
    "code": {"input": "What is the sum of the first 50 prime numbers?", "tools": [CODE]},
    "code that fails": {"input": "Divide one by zero", "tools": [CODE], "model": "gemini-2.5-flash"},
    "code and search": {
        "input": "Who won the euro 2024? Calculate how many years ago that was.",
        "tools": [SEARCH, CODE],
    },
    "pages": {"input": "Compare https://example.com/a?b=c&d and http://localhost/.", "tools": [PAGES]},
    "pages and search": {
        "input": "Compare https://example.com with the latest news",
        "tools": [PAGES, SEARCH],
    },
    "files": {"input": "What does the handbook say about holidays?", "tools": [FILES]},
    "places": {"input": "Coffee near Ägerisee?", "tools": [MAPS]},
    "places, no widget": {"input": "Coffee near me", "tools": [{"type": "google_maps"}]},
    "screen": {"input": "Find a hotel", "tools": [SCREEN]},
    "remote server": {"input": "The weather?", "tools": [REMOTE], "model": "gemini-2.5-pro"},
    "summaries": {"input": "Hello", "generation_config": {"thinking_summaries": "auto"}},
    "incomplete": {"input": "Explain how AI works in detail", "generation_config": {"max_output_tokens": 40}},
    "no steps": {"input": "Explain how AI works in detail", "generation_config": {"max_output_tokens": 4}},
    "no thought": {"input": "Hello", "model": "gemini-3.5-transcribe"},
    "continued": {"input": "Tell me a very long story"},
    "structured": {
        "input": "Hello",
        "response_format": {"type": "text", "mime_type": "application/json", "schema": SCHEMA},
    },
    "structured, searched": {
        "input": "Who won the euro 2024?",
        "tools": [SEARCH],
        "response_format": [{"type": "text", "mime_type": "application/json", "schema": SCHEMA}],
    },
    "picture": {"input": "A cat", "model": "gemini-3-pro-image"},
    "picture and text": {
        "input": "A cat",
        "response_format": [{"type": "text"}, {"type": "image", "delivery": "uri"}],
    },
    "sound": {"input": "Say hello", "model": "gemini-3.8-flash-tts"},
    "sound in a file": {
        "input": "Say hello",
        "response_format": {"type": "audio", "mime_type": "audio/wav", "sample_rate": 8000},
    },
    "media given": {
        "input": [{"type": "text", "text": "What is this?"}, PICTURE, {"type": "document", "uri": "files/x"}]
    },
    "tier": {"input": "Hello", "service_tier": "flex"},
    "agent": {"input": "Hello", "agent": "antigravity-preview-09-2026", "environment": "remote"},
    "not stored": {"input": "Hello", "store": False},
    "not stored, code": {"input": "Run a program", "store": False, "tools": [CODE]},
}
