// @azure/cognitiveservices-face (v1.0) against a server: person group, training, identify, face list.
import { createReadStream } from "node:fs";
import assert from "node:assert/strict";
import faceSdk from "@azure/cognitiveservices-face";
import restAzure from "@azure/ms-rest-azure-js";

const { ENDPOINT, KEY, PHOTOS, NAME } = process.env;
const photo = (name) => () => createReadStream(`${PHOTOS}/${name}.jpg`);
const client = new faceSdk.FaceClient(new restAzure.CognitiveServicesCredentials(KEY), ENDPOINT);
const detectionModel = "detection_03";
const recognitionModel = "recognition_04";

const detect = async (name) =>
  (await client.face.detectWithStream(photo(name), { detectionModel, recognitionModel, returnFaceId: true }))[0].faceId;

await client.personGroup.create(NAME, "family", { recognitionModel, userData: "u" });
const { personId } = await client.personGroupPerson.create(NAME, { name: "Dad" });
const face = await client.personGroupPerson.addFaceFromStream(NAME, personId, photo("Family1-Dad1"), { detectionModel });
const person = await client.personGroupPerson.get(NAME, personId);
assert.deepEqual(person.persistedFaceIds, [face.persistedFaceId]);
await assert.rejects(client.personGroup.getTrainingStatus(NAME), (error) => {
  assert.equal(error.statusCode, 404);
  assert.equal(error.body.error.code, "PersonGroupNotTrained");
  return true;
});
await client.personGroup.train(NAME);
let training;
do {
  await new Promise((resolve) => setTimeout(resolve, 50));
  training = await client.personGroup.getTrainingStatus(NAME);
} while (!["succeeded", "failed"].includes(training.status));
assert.equal(training.status, "succeeded");

const faceId = await detect("Family1-Dad2");
const [seen] = await client.face.detectWithStream(photo("Family1-Mom1"), {
  recognitionModel,
  returnFaceAttributes: ["glasses", "blur", "exposure", "noise", "qualityForRecognition"],
});
assert.equal(seen.faceAttributes.glasses, "NoGlasses");
assert.ok(["low", "medium", "high"].includes(seen.faceAttributes.blur.blurLevel));
assert.ok(["low", "medium", "high"].includes(seen.faceAttributes.noise.noiseLevel));
assert.match(seen.faceAttributes.exposure.exposureLevel, /^(under|good|over)Exposure$/);
const [answer] = await client.face.identify([faceId], { personGroupId: NAME });
assert.deepEqual(answer.candidates.map((candidate) => candidate.personId), [personId]);
const verified = await client.face.verifyFaceToPerson(faceId, personId, { personGroupId: NAME });
assert.equal(verified.isIdentical, true);
assert.ok((await client.personGroup.list()).some((group) => group.personGroupId === NAME));
await client.personGroup.deleteMethod(NAME);

await client.faceList.create(NAME, "faces", { recognitionModel });
const kept = await client.faceList.addFaceFromStream(NAME, photo("Family1-Dad1"), { detectionModel, userData: "d" });
const list = await client.faceList.get(NAME, { returnRecognitionModel: true });
assert.equal(list.recognitionModel, recognitionModel);
assert.deepEqual(list.persistedFaces.map((entry) => entry.userData), ["d"]);
const similar = await client.face.findSimilar(faceId, { faceListId: NAME });
assert.deepEqual(similar.map((found) => found.persistedFaceId), [kept.persistedFaceId]);
await client.faceList.deleteFace(NAME, kept.persistedFaceId);
await client.faceList.deleteMethod(NAME);
console.log("done");
