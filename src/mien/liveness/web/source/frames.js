/** Pictures of a video as JPEG, each with the time at which the camera took it (clock of performance.now()). */
export class FrameGrabber {
  constructor(video, { side, quality, maxBytes }) {
    this.video = video;
    this.side = side;
    this.quality = quality;
    this.maxBytes = maxBytes;
    this.canvas = document.createElement("canvas");
    this.paint = this.canvas.getContext("2d", { alpha: false });
    this.handle = 0;
    this.generation = 0;
  }

  /** Call `seen(time, source)` for every new picture until `stop`; `source` tells what knows the time. */
  start(seen) {
    const generation = ++this.generation;
    const { video } = this;
    if (video.requestVideoFrameCallback) {
      const next = (now, meta) => {
        if (generation !== this.generation) return;
        // The capture time where the browser knows it; never one from another clock.
        const taken = meta.captureTime;
        const known = taken > now - 1000 && taken <= now;
        seen(known ? taken : now, known ? "camera" : "callback");
        video.requestVideoFrameCallback(next);
      };
      video.requestVideoFrameCallback(next);
      return;
    }
    let shown = -1;
    const next = () => {
      if (generation !== this.generation) return;
      if (video.currentTime !== shown) {
        shown = video.currentTime;
        seen(performance.now(), "clock");
      }
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }

  stop() {
    this.generation++;
  }

  /** The picture of now, neither mirrored nor cut, its longer side at most `side` pixels; null when it got too large. */
  async jpeg() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const scale = Math.min(1, this.side / Math.max(width, height));
    const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.canvas.width !== wide || this.canvas.height !== high) [this.canvas.width, this.canvas.height] = [wide, high];
    this.paint.drawImage(this.video, 0, 0, wide, high);
    const blob = await new Promise((resolve) => this.canvas.toBlob(resolve, "image/jpeg", this.quality));
    if (blob && blob.size + 8 <= this.maxBytes) return blob.arrayBuffer();
    this.quality *= 0.8; // the canvas holds the next picture by now: only that one can be made smaller
    return null;
  }
}
