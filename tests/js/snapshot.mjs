// @azure/cognitiveservices-face (v1.0): a person group goes from one resource to one of another subscription.
import { createReadStream } from "node:fs";
import assert from "node:assert/strict";
import faceSdk from "@azure/cognitiveservices-face";
import restAzure from "@azure/ms-rest-azure-js";

const { ENDPOINT, KEY, PHOTOS, NAME, TARGET_KEY, TARGET_SUBSCRIPTION } = process.env;
const clientOf = (key) => new faceSdk.FaceClient(new restAzure.CognitiveServicesCredentials(key), ENDPOINT);
const [source, target] = [clientOf(KEY), clientOf(TARGET_KEY)];
const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

async function done(client, started) {
  const id = started.operationLocation.replace("/operations/", "");
  for (;;) {
    const operation = await client.snapshot.getOperationStatus(id);
    if (operation.status === "succeeded") return operation.resourceLocation;
    assert.notEqual(operation.status, "failed", operation.message);
    await pause();
  }
}

await source.personGroup.create(NAME, "family", { recognitionModel: "recognition_04" });
const { personId } = await source.personGroupPerson.create(NAME, { name: "Dad" });
const photo = () => createReadStream(`${PHOTOS}/Family1-Dad1.jpg`);
await source.personGroupPerson.addFaceFromStream(NAME, personId, photo, { detectionModel: "detection_03" });
await source.personGroup.train(NAME);
while ((await source.personGroup.getTrainingStatus(NAME)).status !== "succeeded") await pause();

const taken = await done(source, await source.snapshot.take("PersonGroup", NAME, [TARGET_SUBSCRIPTION]));
const snapshotId = taken.replace("/snapshots/", "");
const shown = await target.snapshot.get(snapshotId);
assert.deepEqual(shown.applyScope, [TARGET_SUBSCRIPTION]);
assert.match(shown.account, /^\/subscriptions\/.+\/accounts\/.+/);
assert.deepEqual((await target.snapshot.list({ applyScope: [TARGET_SUBSCRIPTION] })).map((one) => one.id), [snapshotId]);
await assert.rejects(source.snapshot.apply(snapshotId, `${NAME}-own`), (error) => error.statusCode === 404);
const applied = await done(target, await target.snapshot.apply(snapshotId, `${NAME}-copy`));
assert.equal(applied, `/persongroups/${NAME}-copy`);
assert.deepEqual((await target.personGroupPerson.list(`${NAME}-copy`)).map((one) => one.personId), [personId]);
assert.equal((await target.personGroup.getTrainingStatus(`${NAME}-copy`)).status, "succeeded");
await source.snapshot.deleteMethod(snapshotId);
await source.personGroup.deleteMethod(NAME);
console.log("done");
