// Files that are dropped or chosen: folders are walked through, and files wait until the server asks for them. They are
// sent beside the WebSocket and would overtake what was typed and chosen before.
const mienWaiting = {};
let mienReplaces = false;

async function mienFilesOf(source) {
    if (!source.items) {
        return [...source].map((file) => [file.webkitRelativePath || file.name, file]);
    }
    const found = [];
    const walk = async (entry, path) => {
        if (entry.isFile) {
            found.push([path + entry.name, await new Promise((done, fail) => entry.file(done, fail))]);
            return;
        }
        const reader = entry.createReader();
        for (;;) {
            const some = await new Promise((done, fail) => reader.readEntries(done, fail));
            if (!some.length) return;
            for (const one of some) await walk(one, path + entry.name + "/");
        }
    };
    const entries = [...source.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry());
    const loose = [...source.files];
    if (!entries.some((entry) => entry && entry.isDirectory)) return loose.map((file) => [file.name, file]);
    for (const entry of entries.filter(Boolean)) await walk(entry, "");
    return found;
}

async function mienTake(id, source, many, tell) {
    // The list of an input is emptied with it, so it is copied before anything is awaited.
    const copied = source.items ? source : [...source];
    const found = (await mienFilesOf(copied)).filter(([path]) => !/(^|\/)(\.|Thumbs\.db|desktop\.ini)/.test(path));
    if (!found.length) return;
    const table = ([path]) => (/\.csv$/i.test(path) ? 0 : 1);
    found.sort((one, other) => table(one) - table(other) || one[0].localeCompare(other[0], undefined, { numeric: true }));
    // Names are sent percent-encoded: the server's library cuts folders off a name.
    const files = found.map(([path, file]) => new File([file], encodeURIComponent(path), { type: file.type }));
    if (many) {
        const all = [...(mienWaiting[id] || []), ...files];
        mienWaiting[id] = all.sort((one, other) => /\.csv$/i.test(other.name) - /\.csv$/i.test(one.name));
        // which of the dropped folders have folders: whose photos these are is the server's to say
        const deep = found.map(([path]) => path.split("/")).filter((parts) => parts.length > 2);
        tell(files.length, [...new Set(deep.map((parts) => parts[0]))]);
    } else {
        mienWaiting[id] = files.slice(0, 1);
        tell(1, []);
    }
}

function mienFailed(found, emit) {
    if (!mienReplaces) emit(found.files.map((one) => one.name), found.xhr.status);
}

function mienSendOne(id) {
    const waiting = (mienWaiting[id] || []).splice(0);
    const box = getElement(id).$refs.qRef;
    if (!waiting.length) return; // a later one was sent in its place
    mienReplaces = true;
    box.reset(); // a file that is still being sent is not wanted any more
    mienReplaces = false;
    box.addFiles(waiting);
}

function mienSend(id) {
    // Files are sent side by side, and a table must be read before the photos that it names: tables go first, one by one.
    const waiting = mienWaiting[id] || [];
    const box = getElement(id).$refs.qRef;
    if (!waiting.length) return;
    const some = /\.csv$/i.test(waiting[0].name) ? waiting.splice(0, 1) : waiting.splice(0);
    box.removeUploadedFiles(); // those of an earlier drop may still be on their way
    box.removeQueuedFiles();
    box.addFiles(some);
    if (!waiting.length) delete mienWaiting[id];
}

// The camera: a picture is sent when the server asks for the next one.
async function mienCamera(id) {
    const video = document.getElementById("c" + id);
    try {
        video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720, facingMode: "user" } });
        await video.play();
        video.hidden = false;
        mienPicture(id);
    } catch (error) {
        video.dispatchEvent(new CustomEvent("trouble", { detail: error ? error.name || String(error) : "" }));
    }
}

function mienPicture(id) {
    const video = document.getElementById("c" + id);
    if (!video || !video.srcObject) return;
    const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    video.dispatchEvent(new CustomEvent("picture", { detail: canvas.toDataURL("image/jpeg", 0.92) }));
}

function mienCameraOff(id) {
    const video = document.getElementById("c" + id);
    if (!video || !video.srcObject) return;
    video.srcObject.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    video.hidden = true;
}

// The library's bar that shows requests under way has no name; the page says by itself what is loading.
new MutationObserver(() => {
    for (const bar of document.querySelectorAll(".q-loading-bar:not([aria-hidden])")) bar.setAttribute("aria-hidden", "true");
}).observe(document, { childList: true, subtree: true });
