"""The bundled drivers: found by name, and speaking for their client; the client itself may be a miniature."""

import json
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.errors import DriverUnknown, TesteeNotReady
from conformance.testees import drivers
from conformance.testees.case import read_cases
from conformance.testees.driver import dumped, failed, kind_of
from conformance.testees.drivers import NAMES, command_of, needed
from conformance.testees.process import Testee
from conformance.testees.running import run_cases
from tests.testees.programs import program

FOLDER = Path(drivers.__file__).parent
NODE = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
CALL = {
    "type": "call",
    "operation": "interactions.create",
    "base_url": "http://127.0.0.1:9",
    "api_key": "k",
    "api_version": "v1beta",
    "arguments": {"model": "m", "input": "Hello"},
    "timeout_ms": 5000,
    "retries": "off",
}


def call(name: str, *, stream: bool = False, **more: Any) -> dict[str, Any]:
    """A call that needs no server: the client is a miniature."""
    return {**CALL, "id": name, "stream": stream, **more}


def package(folder: Path, name: str, code: str, entry: Mapping[str, Any] | None = None) -> None:
    """Put a miniature of a package where npm would."""
    place = folder / "node_modules" / name
    place.mkdir(parents=True)
    told = {"name": name, "version": "9.8.7", "exports": entry or {".": {"import": "./it.mjs"}}}
    (place / "package.json").write_text(json.dumps(told))
    (place / "it.mjs").write_text(code)


# By name.


@pytest.mark.parametrize("name", NAMES)
def test_every_name_starts_a_program_that_is_there(name: str) -> None:
    """A module of ours, or a file for node in our folder."""
    program_, *rest = command_of(name)
    if program_ == "node":
        assert Path(rest[-1]).parent == FOLDER
        assert Path(rest[-1]).is_file()
    else:
        assert (program_, rest[0]) == (sys.executable, "-m")
        assert needed(rest[1], "gemini-conformance").main


def test_a_name_that_nobody_has_is_told_with_the_nearest() -> None:
    """And with all that there are."""
    with pytest.raises(
        DriverUnknown, match=r"no bundled driver 'google-gena1'; there are google-genai, "
    ) as told:
        command_of("google-gena1")
    assert told.value.hint == "Did you mean google-genai?"
    assert "testee new" in DriverUnknown("xyz", NAMES).hint


# A client that is not there.


def test_a_missing_package_of_python_is_one_sentence() -> None:
    """With the command that installs it, quoted for a shell."""
    with pytest.raises(SystemExit, match=r"a>=2 cannot be imported \(.*\); .*: pip install 'a>=2'$"):
        needed("no_such_module", "a>=2")


@NODE
@pytest.mark.parametrize("name", ["@google/genai", "@ai-sdk/google"])
def test_a_missing_package_of_npm_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """With the folder in which it was looked for."""
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(TesteeNotReady, match=f"ended with exit code 1 .*npm install {name}"),
        Testee(command_of(name)),
    ):
        pass


# @google/genai, in miniature.

GENAI = """
class APIConnectionTimeoutError extends Error { name = "APIConnectionTimeoutError" }
class NotFoundError extends Error {
  name = "NotFoundError"; status = 404; error = { error: { code: "not_found" } };
  cause = new Error("the cause");
}
export class GoogleGenAI {
  constructor(given) { this.given = given; }
  get interactions() {
    const { given } = this;
    return {
      async create(asked, options) {
        console.log("a client may print");
        if (asked.input === "late") throw new APIConnectionTimeoutError("too late");
        if (asked.input === "hang") await new Promise(() => {});
        if (asked.input === "garbage")
          return new Promise((done) => {
            globalThis.kept = new FinalizationRegistry(done);
            globalThis.kept.register({}, { collected: true });
            setTimeout(() => done({ collected: false }), 8000);
          });
        if (!asked.stream) return { asked, options, given, output_text: "Hi", usage: { total_tokens: 1 } };
        return (async function* () {
          for (let number = 1; number <= 3; number++) yield { event_type: "step.delta", number };
        })();
      },
      async get(id) { throw new NotFoundError(`404 ${id}`); },
      async cancel(id) { return { id, status: "cancelled" }; },
      async delete() {},
    };
  }
}
"""


@pytest.fixture
def genai(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Testee]:
    """The driver of @google/genai with a client in miniature."""
    package(tmp_path, "@google/genai", GENAI)
    monkeypatch.chdir(tmp_path)
    with Testee(command_of("@google/genai"), validate=True) as testee:
        yield testee
    assert testee.problems == []


@NODE
def test_the_package_comes_from_the_folder_of_the_user(genai: Testee) -> None:
    """By the exports for import alone, and with its version."""
    assert (genai.ready["name"], genai.ready["version"]) == ("@google/genai", "9.8.7")


@NODE
def test_a_call_is_made_as_it_is_told(genai: Testee) -> None:
    """Address, version, key, time-out and retries reach the client; its object comes back whole."""
    told = genai.ask(call("a", headers={"x": "y"}), 5).last
    value = told["value"]
    options = {"apiVersion": "v1beta", "baseUrl": "http://127.0.0.1:9", "headers": {"x": "y"}}
    assert value["given"] == {"apiKey": "k", "httpOptions": options}
    assert value["options"] == {"timeout": 5000, "maxRetries": 0}
    assert value["asked"] == {"model": "m", "input": "Hello"}
    assert (told["text"], told["usage"]) == ("Hi", {"total_tokens": 1})
    assert genai.ask(call("b", retries="default"), 5).last["value"]["options"] == {"timeout": 5000}


@NODE
def test_a_number_that_javascript_cannot_hold_is_unsupported(genai: Testee) -> None:
    """It is lost before the client sees it, so nothing could be said of the client."""
    arguments = {"model": "m", "input": "x", "tools": [{"maximum": 2**53 + 1}]}
    told = genai.ask(call("a", arguments=arguments), 5).last
    assert (told["type"], told["pointer"]) == ("unsupported", "/tools/0/maximum")
    whole = {"model": "m", "input": "x", "tools": [{"maximum": 2**53 - 1}]}
    assert genai.ask(call("b", arguments=whole), 5).last["value"]["asked"] == whole


@NODE
def test_events_are_handed_over_until_the_user_leaves(genai: Testee) -> None:
    """All of them, or as many as were wanted."""
    whole = genai.ask(call("a", stream=True), 5)
    assert [value["number"] for value in whole.values] == [1, 2, 3]
    assert (whole.ending, whole.last["events"]) == ("end", 3)
    left = genai.ask(call("b", stream=True, cancel={"after_events": 2}), 5)
    assert (len(left.values), left.last["kind"]) == (2, "cancelled")


@NODE
def test_an_error_is_told_as_the_user_sees_it(genai: Testee) -> None:
    """With status, code, and where it comes from."""
    told = genai.ask(call("a", operation="interactions.get", arguments={"id": "v1_x"}), 5).last
    assert (told["kind"], told["status"], told["code"]) == ("api", 404, "not_found")
    assert (told["message"], told["native"], told["cause"]) == (
        "404 v1_x",
        "NotFoundError",
        ["Error: the cause"],
    )
    late = genai.ask(call("b", arguments={"model": "m", "input": "late"}), 5).last
    assert (late["kind"], late["message"]) == ("timeout", "too late")


@NODE
def test_what_hangs_is_given_up_and_hinders_nobody(genai: Testee) -> None:
    """Another call is answered meanwhile, and the program ends when told to stop."""
    hangs = threading.Thread(target=genai.ask, args=(call("a", arguments={"model": "m", "input": "hang"}), 1))
    hangs.start()
    assert genai.ask(call("b"), 5).ending == "end"
    hangs.join(5)
    assert not hangs.is_alive()


@NODE
def test_garbage_is_collected_all_the_time(genai: Testee) -> None:
    """What a client loses to that, such as a time-out, it loses in every run."""
    told = genai.ask(call("a", arguments={"model": "m", "input": "garbage"}), 10).last
    assert told["value"]["collected"]


@NODE
def test_what_a_client_prints_is_a_log(genai: Testee) -> None:
    """It does not get between the messages."""
    assert genai.ask(call("a"), 5).ending == "end"
    end = time.monotonic() + 5
    while "a client may print" not in genai.log and time.monotonic() < end:
        time.sleep(0.01)
    assert "a client may print" in genai.log


# The AI SDK, in miniature.

PROVIDER = """
const model = (told) => ({ told });
export const createGoogleGenerativeAI = (given) => ({
  interactions: model,
  tools: { googleSearch: (args) => ({ googleSearch: args }) },
});
"""
AI = """
export const jsonSchema = (schema) => schema;
export const tool = (told) => told;
const shown = ({ abortSignal, ...settings }) => JSON.stringify(settings);
const calls = [{ toolCallId: "c1", toolName: "f", input: { x: 1 }, type: "tool-call" }];
export async function generateText(settings) {
  const usage = { inputTokens: 1, raw: { total_input_tokens: 1 } };
  const finishReason = settings.prompt === "cut" ? "interrupted" : "stop";
  return { text: shown(settings), toolCalls: calls, usage, finishReason };
}
export function streamText(settings) {
  const parts = [{ type: "text-delta", text: "Hi" }, { type: "error", error: new TypeError("no") }];
  return { fullStream: (async function* () { yield* parts; })() };
}
"""


@pytest.fixture
def ai(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Testee]:
    """The driver of the AI SDK with a client in miniature."""
    package(tmp_path, "@ai-sdk/google", PROVIDER, {"import": {"default": "./it.mjs"}})
    package(tmp_path, "ai", AI)
    monkeypatch.chdir(tmp_path)
    with Testee(command_of("@ai-sdk/google"), validate=True) as testee:
        yield testee
    assert testee.problems == []


@NODE
def test_arguments_of_the_api_become_the_words_of_the_ai_sdk(ai: Testee) -> None:
    """Settings, provider options, tools and messages."""
    arguments = {
        "model": "m",
        "system_instruction": "terse",
        "previous_interaction_id": "v1_a",
        "generation_config": {"max_output_tokens": 9, "thinking_level": "low"},
        "tools": [{"type": "function", "name": "f"}, {"type": "google_search"}],
        "input": [
            {"type": "function_result", "call_id": "c1", "name": "f", "result": "12"},
            {
                "type": "function_result",
                "call_id": "c2",
                "name": "f",
                "result": [{"type": "text", "text": "1"}],
            },
            {"type": "function_result", "call_id": "c3", "name": "f", "result": "no", "is_error": True},
        ],
    }
    told = ai.ask(call("a", arguments=arguments), 5).last
    settings = json.loads(told["text"])
    assert settings["model"] == {"told": "m"}
    assert (settings["system"], settings["maxOutputTokens"], settings["maxRetries"]) == ("terse", 9, 0)
    assert settings["providerOptions"] == {
        "google": {"previousInteractionId": "v1_a", "thinkingLevel": "low"}
    }
    assert settings["tools"]["google_search"] == {"googleSearch": {}}
    [message] = settings["messages"]
    assert message["role"] == "tool"
    assert [part["output"] for part in message["content"]] == [
        {"type": "text", "value": "12"},
        {"type": "content", "value": [{"type": "text", "text": "1"}]},
        {"type": "error-text", "value": "no"},
    ]
    assert told["calls"] == [{"id": "c1", "name": "f", "arguments": {"x": 1}}]
    assert told["usage"] == {"total_input_tokens": 1}


@NODE
@pytest.mark.parametrize(
    ("arguments", "pointer"),
    [
        ({"webhook_config": {}}, "/webhook_config"),
        ({"generation_config": {"speech_config": {}}}, "/generation_config/speech_config"),
        ({"tools": [{"type": "computer_use"}]}, "/tools/0/type"),
        ({"tools": [{"type": "google_search", "search_types": []}]}, "/tools/0/search_types"),
        ({"tools": []}, "/tools"),
        ({"generation_config": {"tool_choice": "none"}}, "/generation_config/tool_choice"),
        ({"input": [{"type": "function_result", "result": {"n": 1}}]}, "/input/0/result"),
        ({"input": [{"type": "function_result", "result": [], "is_error": True}]}, "/input/0/result"),
        ({"agent": "a"}, "/agent"),
        ({"model": None}, "/model"),
        ({"response_format": [{"type": "image", "delivery": "uri"}]}, "/response_format/0/delivery"),
        ({"input": [{"type": "mcp_server_tool_call"}]}, "/input/0"),
        ({"input": [{"type": "user_input", "content": [{"type": "image"}]}]}, "/input/0/content/0"),
    ],
)
def test_what_the_ai_sdk_has_no_word_for_is_unsupported(
    ai: Testee, arguments: dict[str, Any], pointer: str
) -> None:
    """With the pointer to it."""
    told = ai.ask(call("a", arguments={"model": "m", "input": "Hello", **arguments}), 5).last
    assert (told["type"], told["pointer"]) == ("unsupported", pointer)


@NODE
def test_an_error_among_the_parts_of_a_stream_ends_the_call(ai: Testee) -> None:
    """It is no part that is handed over."""
    told = ai.ask(call("a", stream=True), 5)
    assert [value["type"] for value in told.values] == ["text-delta"]
    assert (told.ending, told.last["message"]) == ("error", "no")


@NODE
def test_an_answer_that_the_ai_sdk_calls_interrupted_is_an_error(ai: Testee) -> None:
    """It raises nothing: its user reads the finish reason."""
    told = ai.ask(call("a", arguments={"model": "m", "input": "cut"}), 5).last
    assert (told["kind"], told["message"]) == ("transport", "the finish reason is interrupted")


def test_the_skeleton_shows_the_protocol_as_the_bundled_drivers_speak_it() -> None:
    """Word for word, so that one who begins with it has what they have."""
    bundled = (FOLDER / "driver.mjs").read_text().replace("export ", "")
    protocol = bundled[bundled.index("const OUT") : bundled.index("// The client's error")]
    skeleton = FOLDER.parent / "skeletons" / "driver.mjs.txt"
    assert protocol in skeleton.read_text()


# The half for Python.


class Late(TimeoutError):
    """A client's own class."""


def test_an_error_is_known_by_its_class_and_by_what_it_comes_from() -> None:
    """The client's own names win; what nobody knows is other."""
    error = RuntimeError("it failed")
    error.__cause__ = Late("slow")
    told = failed(error, kind_of(error, {}), status=504, code="late")
    assert kind_of(error, {"RuntimeError": "api"}) == "api"
    assert (told["kind"], told["message"], told["cause"]) == ("timeout", "it failed", ["Late: slow"])
    assert (told["status"], told["code"], told["native"]) == (504, "late", "RuntimeError")
    assert kind_of(KeyError("x"), {}) == "other"


def test_an_object_is_dumped_as_its_user_would() -> None:
    """By its model_dump, with the name of its type; plain JSON is what it is."""

    class Delta:
        def model_dump(self, **how: Any) -> dict[str, Any]:
            return how

    assert dumped(Delta()) == {
        "value": {"mode": "json", "by_alias": True, "exclude_unset": True},
        "native": "Delta",
    }
    assert dumped({"a": 1}) == {"value": {"a": 1}}


THREADS = """
import time
from conformance.testees.driver import drive, in_thread
def work(call, tell):
    print("a client may print", flush=True)
    while call["id"] == "late":
        time.sleep(0.05)
        tell({})
    if call["id"] == "hang": time.sleep(60)
    if call["id"] == "break": raise KeyError("x")
    return {"type": "end", "text": call["id"]}
async def answer(call, tell):
    return await in_thread(lambda: work(call, tell))
drive({"name": "threads", "version": "1", "language": "python", "operations": [], "capabilities": [],
       "max_in_flight": 4}, answer)
"""


def test_what_blocks_runs_in_threads_and_is_left_behind() -> None:
    """Others are answered meanwhile, what it raises is a fault, and at the end nobody waits for it."""
    start = time.monotonic()
    with Testee([sys.executable, "-c", THREADS], validate=True) as testee:
        hangs = threading.Thread(target=testee.ask, args=({"type": "call", "id": "hang"}, 0.5))
        hangs.start()
        assert testee.ask({"type": "call", "id": "a"}, 5).last["text"] == "a"
        assert testee.ask({"type": "call", "id": "break"}, 5).last["message"] == "KeyError: 'x'"
        hangs.join(5)
    assert (testee.problems, testee.crashes) == ([], [])
    assert time.monotonic() - start < 5


def test_a_thread_that_is_left_behind_tells_no_more() -> None:
    """An event after the end of its call would be a fault of the driver."""
    with Testee([sys.executable, "-c", THREADS]) as testee:
        late = testee.ask({"type": "call", "id": "late"}, 0.5)
        time.sleep(0.3)
        assert testee.ask({"type": "call", "id": "a"}, 5).last["text"] == "a"
    assert late.values
    assert testee.problems == []


# How a client that cannot say something is judged.


def outcomes(testee: Testee, *names: str) -> dict[str, str]:
    """The outcomes of some cases, by name."""
    cases = [case for case in read_cases() if case.id in names]
    assert len(cases) == len(names)
    lines = run_cases(testee, cases)
    return {line["subject"]: line["outcome"] for line in lines if line["type"] == "case"}


@pytest.mark.parametrize(("more", "outcome"), [("pointer='/input', ", "not-applicable"), ("", "fail")])
def test_an_argument_that_a_client_has_no_way_to_say_is_left_out(more: str, outcome: str) -> None:
    """What it declares and then does not support is a breach."""
    body = f"ready()\nfor name in calls(): say(type='unsupported', id=name, {more}reason='no')"
    with Testee(program(body)) as testee:
        assert outcomes(testee, "requests/text") == {"requests/text": outcome}


# The clients themselves, where they are installed.

BASICS = (
    "delivery/reference-text",
    "delivery/reference-stream",
    "errors/bad-request",
    "requests/get",
    "requests/delete",
    "arguments/seed-and-temperature",
)


@pytest.mark.parametrize("name", ["google-genai", "google-genai-sync"])
def test_google_genai_does_the_basics(name: str) -> None:
    """Both forms; what its create does not name is unsupported, and a stream that is left is closed."""
    pytest.importorskip("google.genai", reason="google-genai is not installed")
    names = (*BASICS, "requests/cancel", "errors/stalled-answer", "delivery/left-in-mid-stream")
    with Testee(command_of(name), validate=True, ready_s=30) as testee:
        assert outcomes(testee, *names) == dict.fromkeys(names, "pass")
        told = testee.ask(call("a", arguments={"model": "m", "input": "x", "new_thing": 1}), 30).last
        assert (told["type"], told["pointer"]) == ("unsupported", "/new_thing")
    assert (testee.problems, testee.crashes) == ([], [])


def test_litellm_does_the_basics() -> None:
    """What its functions do not name is unsupported, for it would be lost."""
    pytest.importorskip("litellm", reason="litellm is not installed")
    with Testee(command_of("litellm"), validate=True, ready_s=60) as testee:
        assert outcomes(testee, *BASICS, "requests/get-a-stream") == {
            **dict.fromkeys(BASICS, "pass"),
            "requests/get-a-stream": "not-applicable",
        }
    assert (testee.problems, testee.crashes) == ([], [])
