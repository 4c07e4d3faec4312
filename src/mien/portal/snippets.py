"""Code of a first call, to copy: curl and the official SDKs."""

from __future__ import annotations

from typing import Final

from mien.contract.headers import KEY_HEADER
from mien.contract.models import NEWEST_DETECTION, NEWEST_RECOGNITION
from mien.contract.versions import STABLE
from mien.portal.texts import t

_QUERY: Final = f"detectionModel={NEWEST_DETECTION}&recognitionModel={NEWEST_RECOGNITION}"


def _member(model: str) -> str:
    """Return a model's name as the SDK for .NET writes it, such as `Detection03`; Python's has capitals only."""
    return model.title().replace("_", "")


def _without_face_ids(call: str) -> str:
    changes = (
        ("&returnFaceLandmarks=true", "&returnFaceId=false&returnFaceLandmarks=true"),
        ("return_face_id=True", "return_face_id=False"),
        ("returnFaceId: true", "returnFaceId: false"),
        ("print(face.face_id, face.face_rectangle)", "print(face.face_rectangle)"),
        ("console.log(face.faceId, face.faceRectangle)", "console.log(face.faceRectangle)"),
        ("{face.FaceId} {face.FaceRectangle.Left}", "{face.FaceRectangle.Left}"),
    )
    for old, new in changes:
        call = call.replace(old, new)
    return call


def first_calls(endpoint: str, *, face_ids: bool = True) -> dict[str, str]:
    """Return the first call in each language; the key is read from the environment.

    Args:
        endpoint: endpoint of the resource, without a final slash.
        face_ids: whether to request face ids, as is the API's default; this needs an approval.
    """
    if not face_ids:
        return {language: _without_face_ids(call) for language, call in first_calls(endpoint).items()}
    # Azure's SDK for JavaScript needs this option to send keys over plain HTTP.
    plain = ", { allowInsecureConnection: true }" if endpoint.startswith("http:") else ""
    return {
        "curl": (
            f'export FACE_KEY="…"   # {t("from the page “Keys and endpoint”")}\n'
            f'curl "{endpoint}/face/{STABLE.name}/detect?{_QUERY}&returnFaceLandmarks=true" \\\n'
            f'  -H "{KEY_HEADER}: $FACE_KEY" -H "Content-Type: application/octet-stream" \\\n'
            "  --data-binary @photo.jpg"
        ),
        "Python": (
            "# pip install azure-ai-vision-face\n"
            "import os\n"
            "from azure.ai.vision.face import FaceClient\n"
            "from azure.ai.vision.face.models import FaceDetectionModel, FaceRecognitionModel\n"
            "from azure.core.credentials import AzureKeyCredential\n\n"
            f'client = FaceClient("{endpoint}", AzureKeyCredential(os.environ["FACE_KEY"]))\n'
            'with client, open("photo.jpg", "rb") as photo:\n'
            "    faces = client.detect(\n"
            "        photo.read(),\n"
            f"        detection_model=FaceDetectionModel.{_member(NEWEST_DETECTION).upper()},\n"
            f"        recognition_model=FaceRecognitionModel.{_member(NEWEST_RECOGNITION).upper()},\n"
            "        return_face_id=True,\n"
            "    )\n"
            "for face in faces:\n"
            "    print(face.face_id, face.face_rectangle)"
        ),
        "JavaScript": (
            f"// npm install @azure-rest/ai-vision-face @azure/core-auth; {t('save this as first-call.mjs')}\n"
            'import { readFileSync } from "node:fs";\n'
            'import createFaceClient from "@azure-rest/ai-vision-face";\n'
            'import { AzureKeyCredential } from "@azure/core-auth";\n\n'
            f"const key = new AzureKeyCredential(process.env.FACE_KEY);\n"
            f'const client = createFaceClient("{endpoint}", key{plain});\n'
            'const answer = await client.path("/detect").post({\n'
            '  contentType: "application/octet-stream",\n'
            "  queryParameters: {\n"
            f'    detectionModel: "{NEWEST_DETECTION}", recognitionModel: "{NEWEST_RECOGNITION}", returnFaceId: true,\n'
            "  },\n"
            '  body: readFileSync("photo.jpg"),\n'
            "});\n"
            'if (answer.status !== "200") throw new Error(JSON.stringify(answer.body));\n'
            "for (const face of answer.body) console.log(face.faceId, face.faceRectangle);"
        ),
        "C#": (
            "// dotnet add package Azure.AI.Vision.Face --prerelease\n"
            "using Azure;\n"
            "using Azure.AI.Vision.Face;\n\n"
            'var key = new AzureKeyCredential(Environment.GetEnvironmentVariable("FACE_KEY")!);\n'
            f'var client = new FaceClient(new Uri("{endpoint}"), key);\n'
            'var photo = BinaryData.FromBytes(File.ReadAllBytes("photo.jpg"));\n'
            "var faces = await client.DetectAsync(\n"
            f"    photo, FaceDetectionModel.{_member(NEWEST_DETECTION)}, "
            f"FaceRecognitionModel.{_member(NEWEST_RECOGNITION)}, returnFaceId: true);\n"
            'foreach (var face in faces.Value) Console.WriteLine($"{face.FaceId} {face.FaceRectangle.Left}");'
        ),
    }
