"""Grades one push for Classroom 50, whose runner starts this in the learner's checkout.

The grader and the checks are those of the image (see Containerfile), and never those of the
checkout, which the learner can change. Whatever score there is, this ends with 0; it ends with
something else, and without a result, if the grader failed: that is nobody's 0 points.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

GRADER = Path("/opt/grader")
RESULT = Path("result.json")
BODY = Path("release-body.md")


def remove(path):
    """Takes away what the learner may have pushed under this name."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def body(result):
    """What the learner is shown: points, and what every check that failed has found."""
    text = f"{result['score']} of {result['max-score']} points\n"
    for test in result["tests"]:
        mark = "passed" if test["passed"] else "not yet"
        text += f"\n- {mark}: {test['test-name']}\n"
        if not test["passed"]:
            text += "".join(f"\n      {line}" for line in test["message"].splitlines()) + "\n"
    return text


def main():
    remove(RESULT)
    remove(BODY)
    # What is handed out there is the assignment: a file that is missing counts as one.
    names = sorted(path.stem for path in (GRADER / "exercises").glob("*.rs"))
    if not names:
        sys.exit(f"there are no exercises in {GRADER}/exercises")
    command = [str(GRADER / "target/grade/grader"), "submission", "."]
    command += [f"--exercise={name}" for name in names]
    command += ["--format=classroom50", f"--out={RESULT}"]
    status = subprocess.run(command).returncode
    # 1 says that not everything passed, which is a result too.
    if status not in (0, 1):
        remove(RESULT)
        sys.exit(f"the grader failed ({status}), so there is no result")
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    BODY.write_text(body(result), encoding="utf-8")


if __name__ == "__main__":
    main()
