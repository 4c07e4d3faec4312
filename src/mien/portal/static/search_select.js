// A list to choose from that is searched on the server while somebody types: `search` asks, `answer` is told.
// It appears at once: while it fades, the library delays the focus, and takes it from the field that somebody went on to.
export default {
  props: ["nothing", "more"],
  emits: ["search"],
  template: `
    <q-select ref="qRef" :options="found" option-value="value" option-label="label" use-input input-debounce="200"
      behavior="menu" transition-duration="0" @filter="filter" @update:model-value="chosen">
      <template #option="{ itemProps, opt }">
        <q-item v-bind="itemProps">
          <q-item-section>
            <q-item-label><bdi>{{ opt.label }}</bdi></q-item-label>
            <q-item-label v-if="opt.about" class="small soft">{{ opt.about }}</q-item-label>
          </q-item-section>
        </q-item>
      </template>
      <template #no-option>
        <q-item role="option" aria-disabled="true"><q-item-section class="soft">{{ nothing }}</q-item-section></q-item>
      </template>
      <template v-if="left" #after-options>
        <q-item role="option" aria-disabled="true"><q-item-section class="small soft">{{ more }}</q-item-section></q-item>
      </template>
    </q-select>
  `,
  data() {
    return { found: [], left: false, asked: 0, waiting: null, chosenAt: 0 };
  },
  methods: {
    filter(text, update, abort) {
      if (!text && Date.now() - this.chosenAt < 400) return abort(); // typed before the choice
      this.waiting = { number: ++this.asked, text, update, abort };
      this.$emit("search", { number: this.asked, text });
    },
    chosen() {
      this.waiting?.abort(); // a late answer must not open the list again
      this.waiting = null;
      if (!this.$attrs.multiple) return;
      this.chosenAt = Date.now();
      this.$refs.qRef.updateInputValue("", true); // the next one is typed at once
      this.$refs.qRef.hidePopup();
    },
    answer(number, found, left) {
      if (this.waiting?.number !== number) return; // something else is wanted by now
      const { text, update } = this.waiting;
      this.waiting = null;
      const show = () => Object.assign(this, { found, left });
      update(show, (select) => {
        if (!text || !found.length) return;
        select.setOptionIndex(-1); // Enter takes the first that was found
        select.moveOptionSelection(1, true);
      });
    },
  },
};
