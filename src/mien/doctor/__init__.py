"""Explains why calls of a Face service fail, on Azure, on Mien, or in between.

The doctor is a client: it uses only public calls and changes nothing at the endpoint. Of the rest of Mien it imports
only `mien.contract`.

- `examine(options)` examines an endpoint and returns a `Report`.
- `mien.doctor.explain.explain(text)` explains an error body, an HTTP response, a `curl -v` log or a HAR file, offline.

    report = examine(Options("https://name.cognitiveservices.azure.com", key=os.environ["FACE_KEY"]))
    print(report.next_step)
"""

from mien.doctor.examination import examine
from mien.doctor.findings import Finding, Report, Severity
from mien.doctor.options import Options

__all__ = ["Finding", "Options", "Report", "Severity", "examine"]
