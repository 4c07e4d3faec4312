/** <FaceLiveness>: the web component as a Vue component. See README.md. */
import { defineComponent, h, onBeforeUnmount, onMounted, ref, watch } from "vue";
import { languages } from "./mien-face-liveness.js"; // registers the element

export { languages };

export const FaceLiveness = defineComponent({
  name: "FaceLiveness",
  props: {
    authToken: { type: String, default: "" },
    settings: { type: Object, default: () => ({}) },
  },
  emits: ["result", "error", "problem"],
  setup(props, { emit }) {
    const place = ref(null);
    let run = 0;

    async function start() {
      const own = ++run;
      const detector = place.value;
      detector.cancel();
      await Promise.resolve(); // in which the check before, if there was one, ends
      if (own !== run || !props.authToken) return;
      Object.assign(detector, props.settings);
      try {
        const result = await detector.start(props.authToken);
        if (own === run) emit("result", result);
      } catch (error) {
        if (own === run) emit("error", error);
      }
    }

    onMounted(start);
    watch(() => props.authToken, start);
    onBeforeUnmount(() => {
      run++;
      place.value?.cancel();
    });
    return () => h("mien-face-liveness", { ref: place, onProblem: (event) => emit("problem", event.detail) });
  },
});
