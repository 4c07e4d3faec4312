// @azure-rest/ai-vision-face against a server: detect, enrol, train, identify, verify, find similar, group.
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import { AzureKeyCredential } from "@azure/core-auth";
import FaceClient, { getLongRunningPoller, isUnexpected } from "@azure-rest/ai-vision-face";

const { ENDPOINT, KEY, PHOTOS, NAME } = process.env;
const photo = (name) => readFileSync(`${PHOTOS}/${name}.jpg`);
const client = FaceClient(ENDPOINT, new AzureKeyCredential(KEY));
const binary = { contentType: "application/octet-stream" };
const models = { detectionModel: "detection_03" };

function good(response) {
  if (isUnexpected(response)) throw new Error(`${response.status} ${JSON.stringify(response.body)}`);
  return response.body;
}

async function detect(name) {
  const queryParameters = { ...models, recognitionModel: "recognition_04", returnFaceId: true };
  return good(await client.path("/detect").post({ ...binary, queryParameters, body: photo(name) }));
}

async function train(path, ...ids) {
  const started = await client.path(path, ...ids).post();
  assert.equal(started.status, "202");
  const poller = await getLongRunningPoller(client, started, { intervalInMs: 50 });
  return (await poller.pollUntilDone()).body;
}

const [dad] = await detect("Family1-Dad2");
const [again] = await detect("Family1-Dad1");
const [mom] = await detect("Family1-Mom1");

// a large person group
const group = "/largepersongroups/{largePersonGroupId}";
good(await client.path(group, NAME).put({ body: { name: "family", recognitionModel: "recognition_04" } }));
const { personId } = good(await client.path(`${group}/persons`, NAME).post({ body: { name: "Bill", userData: "Dad" } }));
const faces = `${group}/persons/{personId}/persistedfaces`;
const queryParameters = { ...models, userData: "a b/c" };
const { persistedFaceId } = good(
  await client.path(faces, NAME, personId).post({ ...binary, queryParameters, body: photo("Family1-Dad1") }),
);
const face = good(await client.path(`${faces}/{persistedFaceId}`, NAME, personId, persistedFaceId).get());
assert.equal(face.userData, "a b/c");
assert.equal((await train(`${group}/train`, NAME)).status, "succeeded");
const [known, unknown] = good(
  await client.path("/identify").post({ body: { faceIds: [dad.faceId, mom.faceId], largePersonGroupId: NAME } }),
);
assert.deepEqual(known.candidates.map((candidate) => candidate.personId), [personId]);
assert.deepEqual(unknown.candidates, []);
const verified = good(
  await client.path("/verify").post({ body: { faceId: dad.faceId, personId, largePersonGroupId: NAME } }),
);
assert.equal(verified.isIdentical, true);
const listed = good(await client.path(`${group}/persons`, NAME).get({ queryParameters: { start: "", top: 5 } }));
assert.deepEqual(listed.map((person) => person.name), ["Bill"]);
good(await client.path(group, NAME).patch({ body: { name: "n2" } }));
good(await client.path(group, NAME).delete());
const gone = await client.path(group, NAME).get();
assert.equal(gone.status, "404");
assert.equal(gone.body.error.code, "LargePersonGroupNotFound");

// a person group without anybody
const small = "/persongroups/{personGroupId}";
good(await client.path(small, NAME).put({ body: { name: "nobody" } }));
assert.equal((await train(`${small}/train`, NAME)).status, "failed");
good(await client.path(small, NAME).delete());

// a large face list, and faces among themselves
const list = "/largefacelists/{largeFaceListId}";
good(await client.path(list, NAME).put({ body: { name: "faces", recognitionModel: "recognition_04" } }));
const kept = good(
  await client.path(`${list}/persistedfaces`, NAME).post({ ...binary, queryParameters: models, body: photo("Family1-Dad1") }),
);
assert.equal((await train(`${list}/train`, NAME)).status, "succeeded");
const similar = good(await client.path("/findsimilars").post({ body: { faceId: dad.faceId, largeFaceListId: NAME } }));
assert.deepEqual(similar.map((found) => found.persistedFaceId), [kept.persistedFaceId]);
good(await client.path(list, NAME).delete());
const grouped = good(await client.path("/group").post({ body: { faceIds: [dad.faceId, mom.faceId, again.faceId] } }));
assert.deepEqual(grouped.groups.map((ids) => ids.toSorted()), [[dad.faceId, again.faceId].toSorted()]);
assert.deepEqual(grouped.messyGroup, [mom.faceId]);
console.log("done");
