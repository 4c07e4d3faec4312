// @azure-rest/ai-vision-face (v1.2) against a server: liveness sessions, with and without verify.
import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import assert from "node:assert/strict";
import { AzureKeyCredential } from "@azure/core-auth";
import FaceClient, { isUnexpected } from "@azure-rest/ai-vision-face";

const { ENDPOINT, KEY, PHOTOS } = process.env;
const client = FaceClient(ENDPOINT, new AzureKeyCredential(KEY));

function good(response) {
  if (isUnexpected(response)) throw new Error(`${response.status} ${JSON.stringify(response.body)}`);
  return response.body;
}

const made = good(
  await client.path("/detectLiveness-sessions").post({
    body: { livenessOperationMode: "PassiveActive", deviceCorrelationId: randomUUID(), enableSessionImage: true },
  }),
);
assert.equal(made.status, "NotStarted");
assert.deepEqual(made.results.attempts, []);
assert.equal(made.authToken.split(".").length, 3);
const one = client.path("/detectLiveness-sessions/{sessionId}", made.sessionId);
assert.equal(good(await one.get()).sessionId, made.sessionId);
assert.equal((await one.delete()).status, "204");
const gone = await one.get();
assert.equal(gone.status, "404");
assert.equal(gone.body.error.code, "SessionNotFound");

const verified = good(
  await client.path("/detectLivenessWithVerify-sessions").post({
    contentType: "multipart/form-data",
    body: [
      { name: "verifyImage", body: readFileSync(`${PHOTOS}/Family1-Dad1.jpg`) },
      { name: "livenessOperationMode", body: "Passive" },
      { name: "deviceCorrelationId", body: randomUUID() },
      { name: "enableSessionImage", body: true },
      { name: "returnVerifyImageHash", body: true },
      { name: "authTokenTimeToLiveInSeconds", body: 60 },
    ],
  }),
);
const [reference] = verified.results.verifyReferences;
assert.equal(reference.qualityForRecognition, "high");
assert.ok(reference.faceRectangle.width > 100);
const other = client.path("/detectLivenessWithVerify-sessions/{sessionId}", verified.sessionId);
assert.equal(good(await other.get()).status, "NotStarted");
assert.equal((await other.delete()).status, "204");

const image = await client.path("/sessionImages/{sessionImageId}", "A".repeat(44)).get();
assert.equal(image.status, "404");

console.log("done");
