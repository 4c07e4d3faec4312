// @azure-rest/ai-vision-face with a token instead of a key: the resource's own host takes it, a regional one does not.
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import FaceClient, { isUnexpected } from "@azure-rest/ai-vision-face";

const { ENDPOINT, REGIONAL, TOKEN, PHOTOS } = process.env;
const scopes = [];
const credential = {
  getToken: async (scope) => {
    scopes.push(scope);
    return { token: TOKEN, expiresOnTimestamp: Date.now() + 3600e3 };
  },
};

const detect = (endpoint) =>
  FaceClient(endpoint, credential).path("/detect").post({
    contentType: "application/octet-stream",
    queryParameters: { detectionModel: "detection_03", recognitionModel: "recognition_04", returnFaceId: true },
    body: readFileSync(`${PHOTOS}/detection1.jpg`),
  });

const own = await detect(ENDPOINT);
assert.ok(!isUnexpected(own), JSON.stringify(own.body));
assert.equal(own.body.length, 1);
assert.deepEqual(scopes.flat()[0], "https://cognitiveservices.azure.com/.default");
const regional = await detect(REGIONAL);
assert.equal(regional.status, "400");
assert.match(regional.body.error.message, /custom subdomain for token authentication/);
console.log("done");
