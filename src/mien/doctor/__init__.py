"""Explains why calls of a Face service fail: because of Azure, Mien, or anything between.

Everything here is a client: it asks an endpoint in public calls only and changes nothing there. Of the rest of Mien it
uses the error catalogue's data, nothing else.

- `examine(options)` examines an endpoint and returns a `Report`.
- `mien.doctor.explain.explain(text)` explains an error body, an HTTP answer, a `curl -v` log or a HAR file, offline.

    report = examine(Options("https://name.cognitiveservices.azure.com", key=os.environ["FACE_KEY"]))
    print(report.next_step)
"""

from mien.doctor.examination import examine
from mien.doctor.findings import Finding, Report, Severity
from mien.doctor.options import Options

__all__ = ["Finding", "Options", "Report", "Severity", "examine"]
