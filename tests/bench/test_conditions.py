"""The conditions of a measurement."""

from livegen.bench.conditions import conditions, percentiles_us


def test_conditions_name_the_machine_its_load_and_every_version():
    found = conditions(provider="CPUExecutionProvider")

    assert set(found) == {
        "cpu",
        "cores",
        "load_average",
        "priority",
        "locked_memory",
        "platform",
        "python",
        "livegen",
        "onnxruntime",
        "provider",
    }
    assert all(found[name] is not None for name in ("cpu", "priority", "livegen", "onnxruntime", "provider"))


def test_percentiles_are_times_that_were_measured():
    times_ns = [1_000 * time for time in range(100, 0, -1)]

    assert percentiles_us(times_ns) == {"p50": 50, "p99": 99, "max": 100}
