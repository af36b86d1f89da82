#!/usr/bin/env python3
"""One peer on one number of threads, as a child of children.py: a request a line
(JSON) on standard input, an answer a line where standard output was.

    prepare {case, answer: file}   makes it, checks its answer  -> {ok} or {not_measured}
    run {times}                    -> {seconds: of one call}
    compile {case}                 -> {seconds}
    drop
"""
import gc
import json
import os
import sys
import time


def restrict(threads):
    """To as many processors as threads: thread pools that are sized by the machine see no more."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def check(case, actual, expected):
    import numpy
    if actual.shape != expected.shape:
        raise ValueError(f"{case}: the answer's shape is {actual.shape}, not {expected.shape}")
    return numpy.abs(actual - expected) / numpy.maximum(1, numpy.abs(expected))


def main():
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    name, threads = sys.argv[1], int(sys.argv[2])
    restrict(threads)
    import numpy
    import cases
    import peers
    peer = peers.PEERS[name](threads)
    call = None

    def prepare(request):
        nonlocal call
        case = cases.ALL[request["case"]]
        call, answer = peer.prepare(case)
        expected = numpy.load(request["answer"])
        error = check(case.name, numpy.asarray(answer(), "float64"), expected)
        if not error.max() <= case.tolerance:
            where = int(error.argmax())
            raise ValueError(f"{case.name}: element {where} is off by {error.flat[where]:.3g}, allowed {case.tolerance:.3g}")
        return {"ok": True, "off_by": float(error.max())}

    def run(request):
        call()
        begin = time.perf_counter()
        for _ in range(request["times"]):
            call()
        return {"seconds": (time.perf_counter() - begin) / request["times"]}

    def compile_(request):
        return {"seconds": peer.compile_seconds(cases.ALL[request["case"]])}

    def drop(request):
        nonlocal call
        call = None
        gc.collect()
        return {"ok": True}

    commands = {"prepare": prepare, "run": run, "compile": compile_, "drop": drop}

    def reply(what):
        replies.write(json.dumps(what) + "\n")
        replies.flush()

    reply({"version": peer.version})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply(commands[request["command"]](request))
        except peers.NotMeasured as why:
            reply({"not_measured": str(why)})
        except Exception as why:  # told, and judged by the driver
            reply({"error": f"{type(why).__name__}: {why}"})


if __name__ == "__main__":
    main()
