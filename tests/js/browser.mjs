// @azure-rest/ai-vision-face in a web page of another origin than the server's: detect, and training with its poller.
import { AzureKeyCredential } from "@azure/core-auth";
import createFaceClient, { getLongRunningPoller, isUnexpected } from "@azure-rest/ai-vision-face";

window.run = async ({ endpoint, key, photo, name }) => {
  const client = createFaceClient(endpoint, new AzureKeyCredential(key), { retryOptions: { maxRetries: 0 } });
  const done = (answer) => {
    if (isUnexpected(answer)) throw new Error(`${answer.status} ${answer.body.error.code}`);
    return answer;
  };
  const body = Uint8Array.from(atob(photo), (letter) => letter.charCodeAt(0));
  const models = { detectionModel: "detection_03", recognitionModel: "recognition_04", returnFaceId: true };
  const found = done(await client.path("/detect").post({ contentType: "application/octet-stream", queryParameters: models, body }));
  const group = client.path("/largepersongroups/{largePersonGroupId}", name);
  done(await group.put({ body: { name, recognitionModel: "recognition_04" } }));
  const persons = client.path("/largepersongroups/{largePersonGroupId}/persons", name);
  const person = done(await persons.post({ body: { name: "Dad" } })).body.personId;
  const faces = client.path("/largepersongroups/{largePersonGroupId}/persons/{personId}/persistedfaces", name, person);
  const queryParameters = { detectionModel: "detection_03" };
  done(await faces.post({ contentType: "application/octet-stream", queryParameters, body }));
  const started = done(await client.path("/largepersongroups/{largePersonGroupId}/train", name).post());
  const poller = await getLongRunningPoller(client, started, { intervalInMs: 50 });
  await poller.pollUntilDone();
  const scope = { faceIds: [found.body[0].faceId], largePersonGroupId: name };
  const answer = done(await client.path("/identify").post({ body: scope }));
  done(await group.delete());
  const { "operation-location": where, "apim-request-id": id } = started.headers;
  return { same: answer.body[0].candidates[0].personId === person, where: Boolean(where), id: Boolean(id) };
};
