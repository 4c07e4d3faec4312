// Files that are dropped or chosen: folders are walked through, and several files wait until the page is ready for them.
const mienWaiting = {};

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
    const files = found.map(([path, file]) => new File([file], path, { type: file.type }));
    if (many) {
        mienWaiting[id] = files;
        tell(files.length);
    } else {
        const box = getElement(id).$refs.qRef;
        box.reset();
        box.addFiles(files.slice(0, 1));
    }
}

function mienSend(id) {
    const box = getElement(id).$refs.qRef;
    box.reset();
    box.addFiles(mienWaiting[id] || []);
    delete mienWaiting[id];
}
